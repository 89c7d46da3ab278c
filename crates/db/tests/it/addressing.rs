//! What is sent to merged contacts and to groups, and who answers there.

use sb_db::MergeOutcome;
use sb_db::dispatch::Address;
use sb_ids::{GroupId, WaId};

use crate::identity::{ADA, BSUID, World, bsuid, now, phone};

#[tokio::test]
async fn what_is_sent_to_a_merged_contact_reaches_the_person() {
    let world = World::create().await;
    let (kept, gone) = (
        world.open(&bsuid(BSUID)).await,
        world.open(&phone(ADA)).await,
    );
    let waiting = world.send(&gone).await;
    world.merge(kept.contact, gone.contact).await;
    let later = world.send(&gone).await;
    let mut tx = world.tx().await;
    let later = tx.messages().find(later).await.unwrap().unwrap();
    let told = tx
        .agent_contexts()
        .messages(kept.id, 50, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        later.conversation, kept.id,
        "it goes where the conversation goes on"
    );
    assert_eq!(told.len(), 2, "an agent knows what was said to both");
    assert_eq!(told[0].id, waiting);
    assert_eq!(told[0].sequence, 0);

    let claimed = world.claim(&[gone.id, kept.id]).await;
    assert_eq!(claimed.len(), 2);
    for message in claimed {
        assert_eq!(
            message.address,
            Some(Address::Phone(WaId::parse(ADA).unwrap()))
        );
    }
}

#[tokio::test]
async fn of_several_numbers_the_one_that_wrote_last_is_answered() {
    let world = World::create().await;
    let (kept, gone) = (
        world.open(&phone(ADA)).await,
        world.open(&phone("4917012345678")).await,
    );
    world.merge(kept.contact, gone.contact).await;
    world.set(&format!("reply_to = '{ADA}'"), &kept).await;
    world.send(&kept).await;
    let claimed = world.claim(&[kept.id]).await;
    assert_eq!(
        claimed[0].address,
        Some(Address::Phone(WaId::parse(ADA).unwrap()))
    );
}

#[tokio::test]
async fn in_a_group_agents_are_silent_unless_they_are_asked_for() {
    let world = World::create().await;
    let group = world.group("Y2FwaV9ncm91cDox").await;
    let answering = async || {
        let mut tx = world.tx().await;
        let agent = tx.agent_contexts().answering(group, now()).await.unwrap();
        tx.commit().await.unwrap();
        agent.map(|agent| agent.id)
    };
    let run = async |statement: &'static str| {
        let done = sqlx::query(statement)
            .bind(world.tenant.organization.as_uuid())
            .bind(world.tenant.agent.as_uuid())
            .execute(&world.pool)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    };
    run("UPDATE organizations SET default_agent_id = $2 WHERE id = $1").await;
    assert_eq!(answering().await, None);
    run("UPDATE conversations SET agent_id = $2 WHERE organization_id = $1").await;
    assert_eq!(answering().await, Some(world.tenant.agent));
    run("UPDATE conversations SET agent_id = NULL WHERE organization_id = $1 AND $2::uuid IS NOT NULL").await;
    run(r#"UPDATE agents SET config = config || '{"answers_in_groups": true}' WHERE organization_id = $1 AND id = $2"#)
        .await;
    assert_eq!(answering().await, Some(world.tenant.agent));
}

#[tokio::test]
async fn what_is_sent_to_a_group_goes_to_the_group() {
    let world = World::create().await;
    let conversation = world.group("Y2FwaV9ncm91cDox").await;
    let mut tx = world.tx().await;
    let group = tx
        .conversations()
        .find(conversation)
        .await
        .unwrap()
        .unwrap();
    let contact = tx.contacts().find(group.contact).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert!(group.is_group && contact.is_group);
    world.send(&group).await;
    let claimed = world.claim(&[group.id]).await;
    let id = GroupId::parse("Y2FwaV9ncm91cDox").unwrap();
    assert_eq!(claimed[0].address, Some(Address::Group(id)));
    let person = world.open(&phone(ADA)).await;
    let refused = world.merge(person.contact, group.contact).await;
    assert!(matches!(refused, MergeOutcome::Refused(_)));
}
