//! What the service does without being asked.

use sb_db::SystemReason;
use sb_domain::Clock;
use sb_testkit::{TenantSeed, TestTenant, wait_until};
use simulator::Faults;

use crate::world::World;

fn every_second(settings: &mut sb_config::Settings) {
    settings.manager.refresh_interval_seconds = 1;
    settings.manager.refreshes_per_second = 100;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_profiles_are_read_again() {
    let world = World::with(every_second).await;
    wait_until("the profile was read", async || {
        world.number().await.status == "CONNECTED"
    })
    .await;
    let first = world.number().await.profile_refreshed_at.unwrap();
    wait_until("the profile was read again", async || {
        world.number().await.profile_refreshed_at.unwrap() > first
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_fails_is_put_off_and_does_not_hold_up_the_others() {
    let world = World::with(every_second).await;
    // Meta knows nothing of this number.
    let seed = TenantSeed::another(&world.settings, 2);
    let other = TestTenant::seeded(&world.db, &world.settings, seed).await;
    wait_until("the number that works was read", async || {
        world.number().await.status == "CONNECTED"
    })
    .await;
    wait_until("the other one was tried", async || {
        let source = failures(&world, &other).await;
        source == Some(1)
    })
    .await;
    let number = world.number_of(other.organization, other.number).await;
    assert_eq!(
        (number.status.as_str(), number.profile_refreshed_at),
        ("", None)
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_meta_is_waited_out_and_refuses_no_token() {
    let world = World::with(every_second).await;
    wait_until("the profile was read", async || {
        world.number().await.status == "CONNECTED"
    })
    .await;
    world.faults(Faults {
        outage: Some(true),
        ..Faults::default()
    });
    let tenant = &world.tenant;
    wait_until("an attempt failed", async || {
        failures(&world, tenant).await == Some(1)
    })
    .await;
    assert!(world.number().await.token_rejected_at.is_none());
    world.stop().await;
}

/// How often a number failed; looked at from the time when its wait is over, and undone.
async fn failures(world: &World, tenant: &TestTenant) -> Option<u32> {
    let later = Clock::system().now() + chrono::TimeDelta::days(2);
    let mut tx = world.db.system(SystemReason::Operations).await.unwrap();
    let due = tx
        .number_profiles()
        .claim_due(later, later, later, 100)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    let number = due
        .into_iter()
        .find(|due| due.source.number == tenant.number);
    number.map(|due| due.failures)
}
