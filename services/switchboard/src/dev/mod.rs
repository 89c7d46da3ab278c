//! `switchboard dev`: everything on one machine, with the simulator in Meta's place.

mod addresses;
mod descriptor;
mod state;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use sb_config::Settings;
use sb_db::{Db, SystemReason};
use sb_domain::agent::AgentConfig;
use sb_events::Topology;
use sb_ids::OrganizationId;
use sb_local::{NatsOptions, NatsServer, PostgresOptions, PostgresServer};
use sb_service::{Health, Lifecycle};
use sb_vault::Vault;

use self::addresses::Addresses;
use self::descriptor::Descriptor;
use self::state::{DemoTenant, State};
use crate::cli::DevArgs;
use crate::commands::{print, serve::Services};
use crate::seed::{self, NumberPlan, TenantPlan};

/// Runs until it is told to stop; the servers go last.
pub(crate) fn run(args: &DevArgs, mut settings: Settings) -> ExitCode {
    let prepared = prepare(args, &mut settings);
    sb_service::run_app(
        "switchboard",
        settings,
        async |settings, health, lifecycle| {
            let (state, addresses) = prepared?;
            // Large: it holds every service while it is built.
            Box::pin(serve(
                &args.directory,
                settings,
                (state, addresses),
                &health,
                &lifecycle,
            ))
            .await
        },
    )
}

fn prepare(args: &DevArgs, settings: &mut Settings) -> anyhow::Result<(State, Addresses)> {
    if args.fresh && args.directory.exists() {
        for entry in ["postgres", "nats", "media", "state.json", "dev.json"] {
            remove(&args.directory.join(entry))?;
        }
    }
    std::fs::create_dir_all(&args.directory)
        .with_context(|| format!("making {}", args.directory.display()))?;
    let state = State::load_or_make(&args.directory)?;
    let addresses = Addresses::choose(args)?;
    addresses.apply(settings);
    state.apply(settings);
    settings.media.root = args.directory.join("media").to_string_lossy().into_owned();
    settings.egress.allow_private_addresses = true;
    Ok((state, addresses))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn serve(
    directory: &Path,
    mut settings: Settings,
    (mut state, addresses): (State, Addresses),
    health: &Health,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let (postgres_path, nats_path) = (directory.join("postgres"), directory.join("nats"));
    let postgres = PostgresServer::start(&postgres_path, PostgresOptions::default());
    let nats = NatsServer::start(&nats_path, NatsOptions::default());
    let (mut postgres, mut nats) = tokio::try_join!(postgres, nats)?;
    settings.database.url = postgres.url("postgres").into();
    settings.nats.url = nats.url().into();
    let descriptor = directory.join("dev.json");
    let served = async {
        let tenant = demo_tenant(&settings, &mut state).await?;
        state.save(directory)?;
        let simulator = simulator::App::build(&settings, &health.scoped("simulator"))?;
        let services = Services::build(&settings, health).await?;
        services.run(lifecycle);
        lifecycle.spawn("simulator", simulator.run(lifecycle.child("simulator")));
        let described = Descriptor::new(&settings, &addresses, &tenant);
        described.write(&descriptor)?;
        print(&described.welcome(&descriptor));
        lifecycle.drained().await?;
        anyhow::Ok(())
    }
    .await;
    // What it says is not true any more.
    remove(&descriptor)?;
    nats.stop().await?;
    postgres.stop().await?;
    served
}

/// The demo tenant of an earlier run if it is still there, otherwise a new one.
async fn demo_tenant(settings: &Settings, state: &mut State) -> anyhow::Result<DemoTenant> {
    let db = Db::connect(&settings.database, Topology::new(&settings.nats.prefix)).await?;
    db.migrate().await.context("migrating the database")?;
    if let Some(tenant) = &state.tenant {
        let id = OrganizationId::parse(&tenant.organization_id)?;
        let mut tx = db.system(SystemReason::Provisioning).await?;
        let found = tx.organizations().find(id).await?;
        tx.rollback().await?;
        if found.is_some() {
            return Ok(tenant.clone());
        }
    }
    let vault = Vault::from_settings(&settings.vault)?;
    let numbers = [NumberPlan {
        phone_number_id: settings.simulator.phone_number_id.clone(),
        display_phone_number: settings.simulator.display_phone_number.clone(),
    }];
    let plan = TenantPlan {
        name: "Demo",
        app_id: &settings.simulator.app_id,
        waba_id: &settings.simulator.waba_id,
        access_token: &settings.simulator.access_token,
        numbers: &numbers,
        rate_per_second: None,
        agent: AgentConfig {
            instructions:
                "You are the friendly assistant of a small shop. Answer in one or two sentences."
                    .to_owned(),
            response_delay_seconds: Some(1),
            ..AgentConfig::default()
        },
    };
    let organization = seed::tenant(&db, &vault, &plan)
        .await
        .context("making the demo tenant")?;
    let key = seed::api_key(&db, organization, &settings.gateway.api_key_pepper).await?;
    let tenant = DemoTenant {
        organization_id: organization.to_string(),
        api_key: key.expose().to_owned(),
    };
    state.tenant = Some(tenant.clone());
    Ok(tenant)
}
