//! Object storages: servers from the package indexes that speak their APIs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use e2e::{free_address, repository, until};
use futures::TryStreamExt as _;
use sb_cloud_api::flows::FlowPrivateKey;
use sb_config::{EgressSettings, MediaSettings};
use sb_egress::{Egress, Method};
use sb_ids::OrganizationId;
use sb_media::{MediaError, MediaKey, MediaStore, Spool};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::environments::{node, python, run};

const STARTING: Duration = Duration::from_mins(1);
/// More than is written at once.
const LARGE_BYTES: usize = 20_000_000;
const BUCKET: &str = "files";
/// Account and key that every Azurite has, from its documentation.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

async fn start(program: &Path, arguments: &[&str], port: u16) -> anyhow::Result<Child> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    until("the storage listens", STARTING, async || {
        Ok(TcpStream::connect(("127.0.0.1", port)).await.is_ok())
    })
    .await?;
    Ok(child)
}

fn egress() -> anyhow::Result<Egress> {
    Ok(Egress::new(&EgressSettings {
        allow_private_addresses: true,
        ..EgressSettings::default()
    })?)
}

/// What the services do with a storage.
async fn check(settings: &MediaSettings) -> anyhow::Result<()> {
    let store = MediaStore::open(settings)?;
    let ours = OrganizationId::new(sb_domain::Clock::system().now());
    let small = store.put(ours, "hello".into()).await?;
    ensure!(
        store.put(ours, "hello".into()).await? == small,
        "not the same file"
    );
    ensure!(store.get(&small.key, 5).await? == "hello", "other bytes");

    let bytes: Vec<u8> = (0..251).cycle().take(LARGE_BYTES).collect();
    let mut spool = Spool::new(u64::try_from(LARGE_BYTES)?).await?;
    spool.write(&bytes).await?;
    let mut file = spool.finish().await?;
    let large = store.put_spooled(ours, &mut file).await?;
    ensure!(
        read(&store, &large.key, None).await? == bytes,
        "other bytes in a large file"
    );
    let part = read(&store, &large.key, Some(9_000_000..9_000_010)).await?;
    ensure!(
        Some(part.as_slice()) == bytes.get(9_000_000..9_000_010),
        "other bytes in a part of it"
    );

    ensure!(
        store.exists(&small.key).await?,
        "a stored file is not there"
    );
    store.delete(&small.key).await?;
    store.delete(&small.key).await?;
    ensure!(!store.exists(&small.key).await?, "a deleted file is there");
    let gone = store.get(&small.key, 5).await;
    ensure!(matches!(gone, Err(MediaError::NotFound { .. })), "{gone:?}");
    Ok(())
}

async fn read(
    store: &MediaStore,
    key: &MediaKey,
    range: Option<std::ops::Range<u64>>,
) -> anyhow::Result<Vec<u8>> {
    let pieces: Vec<_> = store.read(key, range).await?.pieces.try_collect().await?;
    Ok(pieces.concat())
}

/// `moto` with a bucket; `None` where there is no Python.
async fn moto() -> anyhow::Result<Option<(Child, String)>> {
    let folder = repository().join("tests/storages");
    let Some(python) = python("storages", &folder).await? else {
        return Ok(None);
    };
    let port = free_address()?.port();
    let port_text = port.to_string();
    let program = python.with_file_name("moto_server");
    let arguments = ["-H", "127.0.0.1", "-p", &port_text];
    let server = start(&program, &arguments, port).await?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let bucket = egress()?.request(Method::PUT, format!("{endpoint}/{BUCKET}"));
    bucket.send("test.bucket").await?;
    Ok(Some((server, endpoint)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_files() -> anyhow::Result<()> {
    let Some((_server, endpoint)) = moto().await? else {
        return Ok(());
    };
    check(&MediaSettings {
        root: format!("s3://{BUCKET}/received"),
        endpoint,
        access_key_id: "id".to_owned(),
        secret_key: "secret".into(),
        ..MediaSettings::default()
    })
    .await
}

/// Google's XML API is that of S3 with other credentials, multipart uploads included; the emulators of it that the
/// package indexes have know its JSON API only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_cloud_storage_keeps_files() -> anyhow::Result<()> {
    let Some((_server, endpoint)) = moto().await? else {
        return Ok(());
    };
    // Any RSA key: tokens are signed with it, and nobody here checks them.
    let private_key = FlowPrivateKey::generate()?.to_pem()?;
    let key = serde_json::json!({
        "client_email": "switchboard@example.iam.gserviceaccount.com",
        "private_key": private_key.as_str(),
        "private_key_id": "1",
    });
    check(&MediaSettings {
        root: format!("gs://{BUCKET}/received"),
        endpoint,
        secret_key: key.to_string().as_str().into(),
        ..MediaSettings::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_blob_storage_keeps_files() -> anyhow::Result<()> {
    let folder = repository().join("tests/storages");
    let (Some(python), Some(azurite)) = (
        python("storages", &folder).await?,
        node("azurite", "3.37.0").await?,
    ) else {
        return Ok(());
    };
    let port = free_address()?.port();
    let port_text = port.to_string();
    // Its main program opens two more ports for queues and tables.
    let program = azurite.with_file_name("azurite-blob");
    let arguments = [
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        &port_text,
        "--inMemoryPersistence",
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ];
    let _server = start(&program, &arguments, port).await?;
    let url = format!("http://127.0.0.1:{port}");
    let script = folder.join("make_container.py");
    let arguments: [&OsStr; 5] = [
        script.as_os_str(),
        url.as_ref(),
        BUCKET.as_ref(),
        AZURITE_ACCOUNT.as_ref(),
        AZURITE_KEY.as_ref(),
    ];
    let made = run(&python, &arguments).await?;
    let complaints = String::from_utf8_lossy(&made.stderr);
    ensure!(made.status.success(), "no container: {complaints}");
    check(&MediaSettings {
        root: format!("az://{BUCKET}/received"),
        endpoint: format!("{url}/{AZURITE_ACCOUNT}"),
        access_key_id: AZURITE_ACCOUNT.to_owned(),
        secret_key: AZURITE_KEY.into(),
        ..MediaSettings::default()
    })
    .await
}
