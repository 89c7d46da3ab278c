//! Which numbers are read from Meta next, and what is kept of its answers.

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::{Db, DueProfile, NumberProfile, SystemReason};
use sb_domain::Clock;
use sb_testkit::{Servers, TenantSeed, TestTenant};

async fn claim(db: &Db, at: DateTime<Utc>, limit: u32) -> Vec<DueProfile> {
    let hour = TimeDelta::hours(1);
    let mut tx = db.system(SystemReason::NumberRefresh).await.unwrap();
    let claimed = tx
        .number_profiles()
        .claim_due(at - hour, at, at + TimeDelta::minutes(5), limit)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn save(
    db: &Db,
    due: &DueProfile,
    profile: &NumberProfile,
    at: DateTime<Utc>,
) -> Vec<&'static str> {
    let mut tx = db.tenant(due.organization).await.unwrap();
    let used = due.source.access_token_sealed.as_deref();
    let saved = tx
        .number_profiles()
        .save(due.source.number, profile, used, at)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    saved.changed
}

async fn three_numbers(servers: &Servers) -> Db {
    let (db, settings) = (servers.db().await, servers.settings());
    for n in 1..=3 {
        TestTenant::seeded(&db, &settings, TenantSeed::another(&settings, n)).await;
    }
    db
}

#[tokio::test]
async fn replicas_never_claim_the_same_number() {
    let servers = Servers::start().await;
    let db = three_numbers(&servers).await;
    let now = Clock::system().now();
    let (one, two) = tokio::join!(claim(&db, now, 2), claim(&db, now, 2));
    let mut numbers: Vec<_> = one
        .iter()
        .chain(&two)
        .map(|due| due.source.number)
        .collect();
    // One of the two may have come too late for the third.
    numbers.extend(claim(&db, now, 9).await.iter().map(|due| due.source.number));
    assert_eq!(numbers.len(), 3);
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
    assert!(claim(&db, now, 9).await.is_empty());
}

#[tokio::test]
async fn a_claim_that_nobody_finishes_runs_out() {
    let servers = Servers::start().await;
    let db = three_numbers(&servers).await;
    let now = Clock::system().now();
    assert_eq!(claim(&db, now, 9).await.len(), 3);
    assert!(claim(&db, now + TimeDelta::minutes(4), 9).await.is_empty());
    assert_eq!(claim(&db, now + TimeDelta::minutes(6), 9).await.len(), 3);
}

#[tokio::test]
async fn a_number_is_due_again_after_the_interval_and_earlier_ones_go_first() {
    let servers = Servers::start().await;
    let db = three_numbers(&servers).await;
    let now = Clock::system().now();
    let claimed = claim(&db, now, 9).await;
    for (due, minute) in claimed.iter().zip(0..) {
        let at = now + TimeDelta::minutes(minute);
        save(&db, due, &NumberProfile::default(), at).await;
    }
    assert!(claim(&db, now + TimeDelta::minutes(59), 9).await.is_empty());
    let again = claim(&db, now + TimeDelta::minutes(61), 1).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].source.number, claimed[0].source.number);
}

#[tokio::test]
async fn only_what_meta_says_differently_is_a_change() {
    let servers = Servers::start().await;
    let db = three_numbers(&servers).await;
    let now = Clock::system().now();
    let due = claim(&db, now, 1).await.remove(0);
    let profile = NumberProfile {
        status: Some("CONNECTED".to_owned()),
        quality_rating: Some("GREEN".to_owned()),
        ..NumberProfile::default()
    };
    assert_eq!(
        save(&db, &due, &profile, now).await,
        ["status", "quality_rating"]
    );
    assert!(save(&db, &due, &profile, now).await.is_empty());
    let silent = NumberProfile::default();
    assert!(save(&db, &due, &silent, now).await.is_empty());
    let flagged = NumberProfile {
        status: Some("FLAGGED".to_owned()),
        ..profile
    };
    assert_eq!(save(&db, &due, &flagged, now).await, ["status"]);
}

#[tokio::test]
async fn failures_are_counted_until_an_attempt_succeeds() {
    let servers = Servers::start().await;
    let db = three_numbers(&servers).await;
    let now = Clock::system().now();
    let due = claim(&db, now, 1).await.remove(0);
    for minutes in [1, 2] {
        let until = now + TimeDelta::minutes(minutes);
        let mut tx = db.tenant(due.organization).await.unwrap();
        tx.number_profiles()
            .hold(due.source.number, until)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let later = now + TimeDelta::minutes(3);
    let failures = async |at| {
        let claimed = claim(&db, at, 9).await;
        let number = claimed
            .iter()
            .find(|d| d.source.number == due.source.number);
        number.map(|due| due.failures)
    };
    assert_eq!(failures(later).await, Some(2));
    save(&db, &due, &NumberProfile::default(), later).await;
    assert_eq!(failures(later + TimeDelta::hours(2)).await, Some(0));
}

#[tokio::test]
async fn a_refused_token_is_good_again_when_meta_answers_to_it_and_a_newer_one_is_not_touched() {
    let servers = Servers::start().await;
    let db = three_numbers(&servers).await;
    let now = Clock::system().now();
    let due = claim(&db, now, 1).await.remove(0);
    let reject = async |used: &[u8]| {
        let mut tx = db.tenant(due.organization).await.unwrap();
        let number = due.source.number;
        let rejected = tx
            .number_profiles()
            .reject_token(number, used, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        rejected
    };
    let used = due.source.access_token_sealed.clone().unwrap();
    assert!(!reject(b"an older token").await);
    assert!(reject(&used).await);
    assert!(!reject(&used).await);
    let other = DueProfile {
        source: sb_db::ProfileSource {
            access_token_sealed: Some(b"an older token".to_vec()),
            ..due.source.clone()
        },
        ..due.clone()
    };
    assert!(
        save(&db, &other, &NumberProfile::default(), now)
            .await
            .is_empty()
    );
    let changed = save(&db, &due, &NumberProfile::default(), now).await;
    assert_eq!(changed, ["token_rejected_at"]);
}
