//! Every change leaves a line.

use sb_client::{
    Client, CreateAgent, CreateNumber, Message, RotateFlowKey, SendMessage, UpdateAgent,
    UpdateConversation, UpdateFlowEndpoint, UpdateNumber, UpdateOrganization, Upload,
};
use sb_ids::{PhoneNumberId, WabaId};

use crate::media::set_failed;
use crate::quarantine::kept;
use crate::world::{CONTACT, KeySeed, World, template};

async fn change_everything(world: &World) {
    let client = world.client();
    let made = world.operator().create_organization("New").await.unwrap();
    world
        .operator()
        .suspend_organization(made.organization.id, true)
        .await
        .unwrap();
    client
        .update_organization(&UpdateOrganization::default())
        .await
        .unwrap();
    let key = sb_client::CreateApiKey {
        name: "k".to_owned(),
        role: sb_domain::access::Role::Member,
        scopes: vec![sb_domain::access::Scope::MessagesRead],
        expires_at: None,
    };
    client.create_api_key(&key).await.unwrap();
    let (key, _) = world.key(KeySeed::default()).await;
    client.revoke_api_key(key).await.unwrap();
    let number = CreateNumber::new(
        PhoneNumberId::parse("7000000001").unwrap(),
        WabaId::parse("7000000002").unwrap(),
    );
    let number = client.create_number(&number, None).await.unwrap().id;
    client
        .update_number(number, &UpdateNumber::default())
        .await
        .unwrap();
    change_flow_endpoints(world).await;
    let agent = CreateAgent {
        name: "a".to_owned(),
        ..CreateAgent::default()
    };
    let agent = client.create_agent(&agent, None).await.unwrap().id;
    client
        .update_agent(agent, &UpdateAgent::default())
        .await
        .unwrap();
    client.delete_agent(agent).await.unwrap();
    let message = SendMessage::new(CONTACT, template()).from(number.to_string());
    let message = client.send_message(&message, None).await.unwrap();
    client
        .rename_contact(message.contact_id, "Ana")
        .await
        .unwrap();
    merge_and_unmerge(&client, &message).await;
    let change = UpdateConversation::default();
    client
        .update_conversation(message.conversation_id, &change)
        .await
        .unwrap();
    send_and_retry_a_file(world).await;
    look_after_quarantine(world).await;
}

async fn send_and_retry_a_file(world: &World) {
    let client = world.client();
    let upload = Upload {
        filename: "a.txt".to_owned(),
        mime_type: "text/plain".to_owned(),
        bytes: b"a".to_vec(),
    };
    let media = client.upload_media(upload).await.unwrap();
    set_failed(world, media.id).await;
    client.retry_media(media.id).await.unwrap();
}

async fn merge_and_unmerge(client: &Client, message: &Message) {
    let other = SendMessage::new("US.1349", template()).from(message.number_id.to_string());
    let other = client.send_message(&other, None).await.unwrap().contact_id;
    let merged = client.merge_contact(message.contact_id, other).await;
    merged.unwrap();
    client.unmerge_contact(other).await.unwrap();
}

async fn look_after_quarantine(world: &World) {
    let owner = Some(world.tenant.organization);
    let (client, operator) = (world.client(), world.operator());
    let update = kept(world, owner).await.id;
    client.replay_quarantined(update).await.unwrap();
    client.discard_quarantined(update, "Ana").await.unwrap();
    let update = kept(world, owner).await.id;
    operator.operator_replay_quarantined(update).await.unwrap();
    let discarded = operator.operator_discard_quarantined(update, "Ana").await;
    discarded.unwrap();
}

async fn change_flow_endpoints(world: &World) {
    let client = world.client();
    let flow = crate::flow_endpoints::new_endpoint(world);
    let flow = client
        .create_flow_endpoint(&flow)
        .await
        .unwrap()
        .endpoint
        .id;
    client
        .update_flow_endpoint(flow, &UpdateFlowEndpoint::default())
        .await
        .unwrap();
    client
        .rotate_flow_key(flow, RotateFlowKey::default(), None)
        .await
        .unwrap();
    client.delete_flow_endpoint(flow).await.unwrap();
}

#[tokio::test]
async fn every_changing_operation_is_in_the_audit_log() {
    let world = World::start().await;
    change_everything(&world).await;
    let mut logged: Vec<String> = sqlx::query_scalar("SELECT DISTINCT action FROM audit_log")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    logged.sort();
    let document: serde_json::Value = serde_json::from_str(&gateway::openapi_json()).unwrap();
    let mut changing = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        for (method, operation) in item.as_object().unwrap() {
            if method != "get" {
                changing.push(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
    }
    changing.sort();
    assert_eq!(logged, changing);
    let people: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit_log WHERE detail::text LIKE '%Ana%'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(people, 0, "no personal data in the log");
}
