//! Two tenants: nothing of one can be seen, changed or used by the other.

use sb_client::{
    ClientError, CreateFlowEndpoint, CreateNumber, FlowHandler, PageOptions, RotateFlowKey,
    SendMessage, UpdateAgent, UpdateConversation, UpdateFlowEndpoint, UpdateNumber,
    UpdateOrganization, Upload,
};
use sb_domain::content::MessageContent;
use sb_ids::ApiKeyId;

use crate::flow_endpoints::new_endpoint;
use crate::world::{CONTACT, KeySeed, World, template};

/// The code of a refusal.
fn code<T>(result: Result<T, ClientError>) -> String {
    match result {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

fn file() -> Upload {
    Upload {
        filename: "a.txt".to_owned(),
        mime_type: "text/plain".to_owned(),
        bytes: b"secret".to_vec(),
    }
}

#[tokio::test]
async fn another_tenants_ids_do_not_exist() {
    let world = World::start().await;
    let client = world.client();
    let message = client
        .send_message(&SendMessage::new(CONTACT, template()), None)
        .await
        .unwrap();
    let media = client.upload_media(file()).await.unwrap();
    let (key, _) = world.key(KeySeed::default()).await;

    let other = world.another_tenant().await;
    let other = world.client_with(&other.api_key);
    let (agent, number) = (world.tenant.agent, world.tenant.number);
    let conversation = message.conversation_id;
    let order = sb_client::MessageOrder::Asc;
    let page = PageOptions::default();
    assert_eq!(code(other.agent(agent).await), "agent.not_found");
    let change = UpdateAgent::default();
    assert_eq!(
        code(other.update_agent(agent, &change).await),
        "agent.not_found"
    );
    assert_eq!(code(other.delete_agent(agent).await), "agent.not_found");
    assert_eq!(code(other.number(number).await), "number.not_found");
    let change = UpdateNumber::default();
    assert_eq!(
        code(other.update_number(number, &change).await),
        "number.not_found"
    );
    assert_eq!(
        code(other.contact(message.contact_id).await),
        "contact.not_found"
    );
    assert_eq!(
        code(other.rename_contact(message.contact_id, "x").await),
        "contact.not_found"
    );
    assert_eq!(
        code(other.conversation(conversation).await),
        "conversation.not_found"
    );
    let change = UpdateConversation::default();
    assert_eq!(
        code(other.update_conversation(conversation, &change).await),
        "conversation.not_found"
    );
    assert_eq!(
        code(other.list_messages(conversation, order, &page).await),
        "conversation.not_found"
    );
    assert_eq!(code(other.message(message.id).await), "message.not_found");
    assert_eq!(code(other.media(media.id).await), "media.not_found");
    assert_eq!(code(other.revoke_api_key(key).await), "api_key.not_found");
    let into = SendMessage::into_conversation(conversation, MessageContent::text("x"));
    assert_eq!(
        code(other.send_message(&into, None).await),
        "conversation.not_found"
    );
}

#[tokio::test]
async fn another_tenants_flow_endpoints_do_not_exist() {
    let world = World::start().await;
    let client = world.client();
    let made = client
        .create_flow_endpoint(&new_endpoint(&world))
        .await
        .unwrap();
    let id = made.endpoint.id;
    let other = world.another_tenant().await;
    let other = world.client_with(&other.api_key);
    let missing = "flow_endpoint.not_found";
    assert_eq!(code(other.flow_endpoint(id).await), missing);
    let change = UpdateFlowEndpoint::default();
    assert_eq!(code(other.update_flow_endpoint(id, &change).await), missing);
    let rotated = other
        .rotate_flow_key(id, RotateFlowKey::default(), None)
        .await;
    assert_eq!(code(rotated), missing);
    assert_eq!(code(other.delete_flow_endpoint(id).await), missing);
    let page = PageOptions::default();
    assert!(
        other
            .list_flow_endpoints(&page)
            .await
            .unwrap()
            .data
            .is_empty()
    );
    assert_eq!(client.flow_endpoint(id).await.unwrap(), made.endpoint);
}

#[tokio::test]
async fn flow_endpoints_refer_to_nothing_of_another_tenant() {
    let world = World::start().await;
    let other = world.another_tenant().await;
    let client = world.client_with(&other.api_key);
    let foreign_account = new_endpoint(&world);
    assert_eq!(
        code(client.create_flow_endpoint(&foreign_account).await),
        "request.invalid"
    );
    let foreign_agent = FlowHandler::Agent {
        agent_id: Some(world.tenant.agent),
    };
    let new = CreateFlowEndpoint {
        waba_id: other.waba.clone(),
        handler: foreign_agent.clone(),
        ..foreign_account
    };
    assert_eq!(
        code(client.create_flow_endpoint(&new).await),
        "request.invalid"
    );
    let own = CreateFlowEndpoint {
        handler: FlowHandler::Agent {
            agent_id: Some(other.agent),
        },
        ..new
    };
    let own = client.create_flow_endpoint(&own).await.unwrap().endpoint.id;
    let change = UpdateFlowEndpoint {
        handler: Some(foreign_agent),
        ..UpdateFlowEndpoint::default()
    };
    assert_eq!(
        code(client.update_flow_endpoint(own, &change).await),
        "request.invalid"
    );
}

#[tokio::test]
async fn another_tenants_ids_cannot_be_referred_to() {
    let world = World::start().await;
    let other = world.another_tenant().await;
    let client = world.client_with(&other.api_key);
    let foreign = Some(Some(world.tenant.agent));
    let change = UpdateOrganization {
        default_agent_id: foreign,
        ..UpdateOrganization::default()
    };
    assert_eq!(
        code(client.update_organization(&change).await),
        "request.invalid"
    );
    let change = UpdateNumber {
        agent_id: foreign,
        ..UpdateNumber::default()
    };
    assert_eq!(
        code(client.update_number(other.number, &change).await),
        "request.invalid"
    );
    for number in [
        world.tenant.number.to_string(),
        world.tenant.phone_number_id.to_string(),
    ] {
        let message = SendMessage::new(CONTACT, template()).from(number);
        assert_eq!(
            code(client.send_message(&message, None).await),
            "request.invalid"
        );
    }
    let message = client
        .send_message(&SendMessage::new(CONTACT, template()), None)
        .await
        .unwrap();
    let change = UpdateConversation {
        agent_id: foreign,
        ..UpdateConversation::default()
    };
    let refused = client
        .update_conversation(message.conversation_id, &change)
        .await;
    assert_eq!(code(refused), "request.invalid");
}

#[tokio::test]
async fn a_number_belongs_to_one_organization() {
    let world = World::start().await;
    let other = world.another_tenant().await;
    let client = world.client_with(&other.api_key);
    let taken = CreateNumber::new(world.tenant.phone_number_id.clone(), other.waba.clone());
    let refused = client.create_number(&taken, None).await;
    assert_eq!(code(refused), "number.already_connected");
    let numbers = client.list_numbers(&PageOptions::default()).await.unwrap();
    assert_eq!(numbers.data.len(), 1);
}

#[tokio::test]
async fn lists_show_only_ones_own() {
    let world = World::start().await;
    let client = world.client();
    client
        .send_message(&SendMessage::new(CONTACT, template()), None)
        .await
        .unwrap();
    let other = world.another_tenant().await;
    let client = world.client_with(&other.api_key);
    let page = PageOptions::default();
    assert!(
        client
            .list_contacts(None, &page)
            .await
            .unwrap()
            .data
            .is_empty()
    );
    assert!(
        client
            .list_contacts(Some(CONTACT), &page)
            .await
            .unwrap()
            .data
            .is_empty()
    );
    let filter = sb_client::ConversationFilter::default();
    assert!(
        client
            .list_conversations(&filter, &page)
            .await
            .unwrap()
            .data
            .is_empty()
    );
    let agents = client.list_agents(&page).await.unwrap();
    assert_eq!(
        agents.data.iter().map(|a| a.id).collect::<Vec<_>>(),
        [other.agent]
    );
    let keys: Vec<ApiKeyId> = client
        .list_api_keys(&page)
        .await
        .unwrap()
        .data
        .into_iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(keys.len(), 1);
}
