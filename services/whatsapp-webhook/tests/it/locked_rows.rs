//! Somebody holds rows of one tenant; the others do not wait.

use sb_testkit::wait_until;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::posts::{APP_SECRET, change, envelope_of, sign, text};
use crate::world::{CONTACT, World, another_tenant};

#[tokio::test]
async fn a_tenant_whose_rows_are_locked_holds_up_nobody_else_and_loses_nothing() {
    let world = World::new().await;
    let other = another_tenant(&world).await;
    world
        .deliver(&[text(CONTACT, "wamid.1", "first")], &[])
        .await;
    world.until_rows("messages", 1).await;
    let mut holder = PgConnection::connect(world.servers.test_db().url())
        .await
        .unwrap();
    holder
        .execute("BEGIN; SELECT 1 FROM conversations FOR UPDATE")
        .await
        .unwrap();

    world
        .deliver(&[text(CONTACT, "wamid.2", "second")], &[])
        .await;
    let theirs = change(
        other.phone_number_id.as_str(),
        &[text(CONTACT, "wamid.3", "third")],
        &[],
    );
    let body = envelope_of(other.waba.as_str(), &[theirs]);
    let (status, problem) = world.post(&sign(APP_SECRET, &body)).await;
    assert_eq!(status, 200, "{problem}");
    world.until_rows("messages", 2).await;
    wait_until("the update steps aside", async || {
        let reasons: Vec<String> =
            sqlx::query_scalar("SELECT reason FROM quarantine WHERE resolved_at IS NULL")
                .fetch_all(&world.pool)
                .await
                .unwrap();
        reasons == ["database.locked"]
    })
    .await;

    holder.execute("ROLLBACK").await.unwrap();
    world.until_rows("messages", 3).await;
    wait_until("nothing is left in quarantine", async || {
        let open: i64 =
            sqlx::query_scalar("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL")
                .fetch_one(&world.pool)
                .await
                .unwrap();
        open == 0
    })
    .await;
}
