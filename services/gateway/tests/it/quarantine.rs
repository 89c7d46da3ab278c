//! Updates in quarantine through the API: looked at, run again, discarded.

use sb_bus::Bus;
use sb_client::{
    Client, ClientError, PageOptions, QuarantineFilter, QuarantineState, QuarantinedUpdate,
};
use sb_domain::Clock;
use sb_events::proto::update::v1::RawPost;
use sb_ids::{OrganizationId, PostId, QuarantineId};

use crate::world::World;

/// An update in quarantine whose post is, or is no longer, in the stream.
pub(crate) struct Aside {
    pub(crate) id: QuarantineId,
    pub(crate) post: PostId,
}

/// Puts an update aside at a place of a post.
pub(crate) async fn aside(
    world: &World,
    owner: Option<OrganizationId>,
    post: PostId,
    (place, sequence): (&str, u64),
) -> Aside {
    let id = QuarantineId::derive(post.as_uuid(), place);
    sqlx::query(
        "INSERT INTO quarantine (
            id, organization_id, post_id, app_id, reason, place, payload, source_sequence, phone_number_id,
            created_at)
        VALUES ($1, $2, $3, '1', 'number.unknown', $4, '{\"id\":\"wamid.1\"}', $5, '42', clock_timestamp())",
    )
    .bind(id.as_uuid())
    .bind(owner.map(|owner| owner.as_uuid()))
    .bind(post.as_uuid())
    .bind(place)
    .bind(i64::try_from(sequence).unwrap())
    .execute(&world.pool)
    .await
    .unwrap();
    Aside { id, post }
}

/// Puts a post into the stream, and says where.
pub(crate) async fn post(bus: &Bus) -> (PostId, u64) {
    let id = PostId::new(Clock::system().now());
    let post = RawPost {
        post_id: id.to_string(),
        received_at_us: 1,
        app_id: "1".to_owned(),
        body: "{}".into(),
        replay: None,
    };
    let sequence = bus.publisher().publish_raw_posts(vec![post]).await;
    (id, sequence.unwrap())
}

/// An update of an organization whose post is kept.
pub(crate) async fn kept(world: &World, owner: Option<OrganizationId>) -> Aside {
    let bus = Bus::connect(&world.settings.nats).await.unwrap();
    let (id, sequence) = post(&bus).await;
    aside(
        world,
        owner,
        id,
        ("entry[0].changes[0].messages[0]", sequence),
    )
    .await
}

fn code<T>(result: Result<T, ClientError>) -> String {
    match result {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

fn ids(updates: &[QuarantinedUpdate]) -> Vec<QuarantineId> {
    updates.iter().map(|update| update.id).collect()
}

async fn all(client: &Client, filter: &QuarantineFilter) -> Vec<QuarantineId> {
    let page = PageOptions::default();
    ids(&client.list_quarantine(filter, &page).await.unwrap().data)
}

#[tokio::test]
async fn a_tenant_sees_its_own_updates_and_the_operator_all() {
    let world = World::start().await;
    let (ours, nobodys) = (world.tenant.organization, None);
    let mine = kept(&world, Some(ours)).await;
    let other = world.another_tenant().await;
    let theirs = kept(&world, Some(other.organization)).await;
    let lost = kept(&world, nobodys).await;

    let client = world.client();
    let everything = QuarantineFilter::default();
    assert_eq!(all(&client, &everything).await, [mine.id]);
    let shown = client.quarantined(mine.id).await.unwrap();
    assert_eq!(shown.payload.as_deref(), Some("{\"id\":\"wamid.1\"}"));
    assert_eq!((shown.state.as_str(), shown.attempts), ("open", 0));
    assert!(shown.advice.contains("connect the number"), "{shown:?}");
    for foreign in [&theirs, &lost] {
        let not_found = "quarantine.not_found";
        assert_eq!(code(client.quarantined(foreign.id).await), not_found);
        assert_eq!(code(client.replay_quarantined(foreign.id).await), not_found);
        let discarded = client.discard_quarantined(foreign.id, "").await;
        assert_eq!(code(discarded), not_found);
    }

    let operator = world.operator();
    let mut page = PageOptions {
        limit: Some(2),
        after: None,
    };
    let first = operator
        .operator_list_quarantine(&everything, &page)
        .await
        .unwrap();
    assert_eq!(ids(&first.data), [lost.id, theirs.id]);
    assert!(first.data.iter().all(|update| update.payload.is_none()));
    page = page.next(&first).unwrap();
    let second = operator
        .operator_list_quarantine(&everything, &page)
        .await
        .unwrap();
    assert_eq!(
        (ids(&second.data), second.paging.after),
        (vec![mine.id], None)
    );
    let of_one = QuarantineFilter {
        organization_id: Some(other.organization),
        ..QuarantineFilter::default()
    };
    let page = PageOptions::default();
    let found = operator.operator_list_quarantine(&of_one, &page).await;
    assert_eq!(ids(&found.unwrap().data), [theirs.id]);
    let shown = operator.operator_quarantined(lost.id).await.unwrap();
    assert_eq!(shown.organization_id, None);
}

#[tokio::test]
async fn a_replay_publishes_the_post_once_for_everything_of_it_that_the_caller_sees() {
    let world = World::start().await;
    let bus = Bus::connect(&world.settings.nats).await.unwrap();
    let other = world.another_tenant().await;
    let (id, sequence) = post(&bus).await;
    let ours = Some(world.tenant.organization);
    let first = aside(
        &world,
        ours,
        id,
        ("entry[0].changes[0].messages[0]", sequence),
    )
    .await;
    let second = aside(
        &world,
        ours,
        id,
        ("entry[0].changes[0].messages[2]", sequence),
    )
    .await;
    let theirs = Some(other.organization);
    let theirs = aside(
        &world,
        theirs,
        id,
        ("entry[1].changes[0].messages[0]", sequence),
    )
    .await;

    let client = world.client();
    let asked = client.replay_quarantined(first.id).await.unwrap();
    assert_eq!(asked.state, "replaying");
    for again in [first.id, second.id, first.id] {
        client.replay_quarantined(again).await.unwrap();
    }
    let kept = bus.kept_posts().await.unwrap();
    assert_eq!(kept.last, sequence + 1, "published once");
    let copy = bus.find_post(kept.last, first.post).await.unwrap().unwrap();
    assert_eq!((copy.received_at_us, &copy.body[..]), (1, &b"{}"[..]));
    let places = copy.replay.unwrap().places;
    let expected = [
        "entry[0].changes[0].messages[0]",
        "entry[0].changes[0].messages[2]",
    ];
    assert_eq!(places, expected);
    let untouched = world.operator().operator_quarantined(theirs.id).await;
    assert_eq!(untouched.unwrap().state, "open");

    // Whoever sees more runs more.
    let operator = world.operator();
    operator
        .operator_replay_quarantined(theirs.id)
        .await
        .unwrap();
    let kept = bus.kept_posts().await.unwrap();
    let copy = bus
        .find_post(kept.last, theirs.post)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(copy.replay.unwrap().places.len(), 3);
}

#[tokio::test]
async fn an_update_whose_post_is_gone_can_be_looked_at_and_discarded_but_not_run_again() {
    let world = World::start().await;
    let post = PostId::new(Clock::system().now());
    let owner = Some(world.tenant.organization);
    let gone = aside(&world, owner, post, ("entry[0].changes[0]", 7)).await;
    let client = world.client();
    let refused = client.replay_quarantined(gone.id).await;
    assert_eq!(code(refused), "quarantine.expired");
    let shown = client.quarantined(gone.id).await.unwrap();
    assert_eq!(shown.state, "open");
    assert!(shown.payload.is_some());

    let discarded = client
        .discard_quarantined(gone.id, "typed in by hand")
        .await;
    let discarded = discarded.unwrap();
    assert_eq!(discarded.state, "discarded");
    let again = client.discard_quarantined(gone.id, "another note").await;
    assert_eq!(again.unwrap().note, "typed in by hand");
    let refused = client.replay_quarantined(gone.id).await;
    assert_eq!(code(refused), "quarantine.resolved");
    let too_long = "x".repeat(1_001);
    let refused = client.discard_quarantined(gone.id, &too_long).await;
    assert_eq!(code(refused), "request.invalid");

    let state = |state| QuarantineFilter {
        state: Some(state),
        ..QuarantineFilter::default()
    };
    assert!(all(&client, &state(QuarantineState::Open)).await.is_empty());
    assert_eq!(
        all(&client, &state(QuarantineState::Resolved)).await,
        [gone.id]
    );
}

#[tokio::test]
async fn an_update_that_a_replay_stored_is_neither_run_again_nor_discarded() {
    let world = World::start().await;
    let done = kept(&world, Some(world.tenant.organization)).await;
    sqlx::query(
        "UPDATE quarantine SET resolution = 'replayed', resolved_at = now(), resolved_by = 'ingest'",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let bus = Bus::connect(&world.settings.nats).await.unwrap();
    let before = bus.kept_posts().await.unwrap().last;
    let client = world.client();
    let answer = client.replay_quarantined(done.id).await.unwrap();
    assert_eq!(answer.state, "replayed");
    assert_eq!(bus.kept_posts().await.unwrap().last, before);
    let refused = client.discard_quarantined(done.id, "").await;
    assert_eq!(code(refused), "quarantine.resolved");
}

#[tokio::test]
async fn updates_are_found_by_reason_and_number() {
    let world = World::start().await;
    let mine = kept(&world, Some(world.tenant.organization)).await;
    let client = world.client();
    let by = |reason: &str, number: &str| QuarantineFilter {
        reason: Some(reason.to_owned()),
        phone_number_id: Some(number.to_owned()),
        ..QuarantineFilter::default()
    };
    assert_eq!(all(&client, &by("number.unknown", "42")).await, [mine.id]);
    assert!(all(&client, &by("number.unknown", "43")).await.is_empty());
    assert!(all(&client, &by("app.not_bound", "42")).await.is_empty());
}
