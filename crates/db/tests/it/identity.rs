//! Who is who: what merges do to rows, and that undoing them gives everything back.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use sb_db::dispatch::{ClaimedMessage, ConversationKey};
use sb_db::ingest::WantedConversation;
use sb_db::{
    Conversation, Db, DbError, Identity, MergeOutcome, NewOutgoing, Sighting, SystemReason,
    TenantTx,
};
use sb_domain::Clock;
use sb_domain::content::MessageContent;
use sb_domain::delivery::OnUnknown;
use sb_domain::identity::{IdentityKind, Ids, Observation, match_key};
use sb_events::Origin;
use sb_ids::{Bsuid, ContactId, ConversationId, MessageId, WaId};
use sb_testkit::{Servers, TenantSeed, TestTenant};
use serde_json::Value;
use sqlx::PgPool;

pub(crate) const ADA: &str = "16505551234";
pub(crate) const BSUID: &str = "US.13491208655302741918";

pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

pub(crate) fn phone(digits: &str) -> Identity {
    Identity::Phone(WaId::parse(digits).unwrap())
}

pub(crate) fn bsuid(id: &str) -> Identity {
    Identity::Bsuid(Bsuid::parse(id).unwrap())
}

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) pool: PgPool,
    pub(crate) tenant: TestTenant,
    _servers: Servers,
}

impl World {
    pub(crate) async fn create() -> Self {
        let servers = Servers::start().await;
        let (db, settings) = (servers.db().await, servers.settings());
        let tenant = TestTenant::seeded(&db, &settings, TenantSeed::another(&settings, 1)).await;
        let pool = PgPool::connect(servers.test_db().url()).await.unwrap();
        Self {
            db,
            pool,
            tenant,
            _servers: servers,
        }
    }

    pub(crate) async fn tx(&self) -> TenantTx {
        self.db.tenant(self.tenant.organization).await.unwrap()
    }

    pub(crate) async fn open(&self, identity: &Identity) -> Conversation {
        let mut tx = self.tx().await;
        let opened = tx
            .conversations()
            .open(self.tenant.number, identity, now())
            .await;
        tx.commit().await.unwrap();
        opened.unwrap()
    }

    pub(crate) async fn merge(&self, winner: ContactId, loser: ContactId) -> MergeOutcome {
        let mut tx = self.tx().await;
        let outcome = tx
            .contacts()
            .merge(winner, loser, ("somebody", now()))
            .await;
        tx.commit().await.unwrap();
        outcome.unwrap()
    }

    async fn unmerge(&self, loser: ContactId) -> bool {
        let mut tx = self.tx().await;
        let undone = tx.contacts().unmerge(loser, ("somebody", now())).await;
        tx.commit().await.unwrap();
        undone.unwrap().is_some()
    }

    pub(crate) async fn send(&self, into: &Conversation) -> MessageId {
        let id = MessageId::new(now());
        let new = NewOutgoing {
            id,
            conversation: into.id,
            content: MessageContent::text("hello"),
            agent: None,
            turn: None,
            api_key: None,
            send_at: None,
            expires_at: None,
            on_unknown: OnUnknown::Hold,
            fallback: None,
            origin: Origin::default(),
        };
        let mut tx = self.tx().await;
        tx.queue().send(&new, now()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// The conversation with a group.
    pub(crate) async fn group(&self, id: &str) -> ConversationId {
        let ids = Ids {
            group: Some(id.to_owned()),
            ..Ids::default()
        };
        let organization = self.tenant.organization;
        let contact = try_observe(self, &ids).await.unwrap();
        let wanted = WantedConversation {
            organization,
            number: self.tenant.number,
            contact,
            id: ConversationId::new(now()),
            is_group: true,
        };
        let mut tx = self.db.system(SystemReason::Ingest).await.unwrap();
        let opened = tx.ingest().open_conversations(&[wanted], now()).await;
        tx.commit().await.unwrap();
        opened.unwrap()[0].id
    }

    pub(crate) async fn claim(&self, conversations: &[ConversationId]) -> Vec<ClaimedMessage> {
        let keys: Vec<ConversationKey> = conversations
            .iter()
            .map(|conversation| ConversationKey {
                organization: self.tenant.organization,
                number: self.tenant.number,
                conversation: *conversation,
            })
            .collect();
        let stale_at = now() + TimeDelta::minutes(5);
        let mut tx = self.db.system(SystemReason::Dispatch).await.unwrap();
        let claimed = tx.dispatch().claim(&keys, now(), stale_at).await;
        tx.commit().await.unwrap();
        claimed.unwrap()
    }

    /// Everything that merges may change, but when it last did.
    async fn snapshot(&self) -> Value {
        sqlx::query_scalar(
            r"SELECT jsonb_build_object(
                'contacts', (SELECT jsonb_agg(to_jsonb(c) - 'updated_at' ORDER BY c.id) FROM contacts c),
                'identities', (SELECT jsonb_agg(to_jsonb(i) ORDER BY i.id) FROM contact_identities i),
                'conversations',
                    (SELECT jsonb_agg(to_jsonb(v) - 'link_version' ORDER BY v.id) FROM conversations v))",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    pub(crate) async fn set(&self, what: &str, conversation: &Conversation) {
        let statement = format!("UPDATE conversations SET {what} WHERE id = $1");
        let done = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(conversation.id.as_uuid())
            .execute(&self.pool)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    }
}

#[tokio::test]
async fn the_database_has_the_same_match_keys_as_the_rules() {
    let world = World::create().await;
    let any_number = prop_oneof![
        "[1-9][0-9]{6,14}",
        "55[1-9][0-9]9?[2-9][0-9]{7}",
        "521?[0-9]{10}",
        "549?[0-9]{10}",
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut values: Vec<(IdentityKind, String)> = (0..3_000)
        .map(|_| {
            let tree = any_number.new_tree(&mut runner).unwrap();
            (IdentityKind::Phone, tree.current())
        })
        .collect();
    values.push((IdentityKind::Username, "Ada.B".to_owned()));
    values.push((IdentityKind::Bsuid, BSUID.to_owned()));
    let kinds: Vec<&str> = values.iter().map(|(kind, _)| kind.as_str()).collect();
    let texts: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    let keys: Vec<String> = sqlx::query_scalar(
        "SELECT sb_match_key(k, v) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (k, v, n) ORDER BY n",
    )
    .bind(&kinds)
    .bind(&texts)
    .fetch_all(&world.pool)
    .await
    .unwrap();
    for ((kind, value), key) in values.iter().zip(&keys) {
        assert_eq!(match_key(*kind, value), key.as_str(), "{value}");
    }
}

#[tokio::test]
async fn undoing_a_merge_gives_everything_back() {
    let world = World::create().await;
    let (kept, gone) = (
        world.open(&phone(ADA)).await,
        world.open(&bsuid(BSUID)).await,
    );
    world
        .set("last_incoming_at = now() - interval '2 days'", &kept)
        .await;
    world
        .set(
            "last_incoming_at = now(), agent_paused_until = now() + interval '1 day'",
            &gone,
        )
        .await;
    world
        .set(
            "is_ours = false, owner_role = 'other', owner_at = now()",
            &gone,
        )
        .await;
    let before = world.snapshot().await;

    let merged = world.merge(kept.contact, gone.contact).await;
    assert!(matches!(merged, MergeOutcome::Merged(_)), "{merged:?}");
    assert!(matches!(
        world.merge(kept.contact, gone.contact).await,
        MergeOutcome::Known(_)
    ));
    let mut tx = world.tx().await;
    let live = tx.conversations().find(kept.id).await.unwrap().unwrap();
    let ended = tx.conversations().find(gone.id).await.unwrap().unwrap();
    let contact = tx.contacts().find(kept.contact).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!((live.merged_into, ended.merged_into), (None, Some(kept.id)));
    assert!(
        live.window(now()).is_open(),
        "who wrote in one of them wrote"
    );
    assert!(
        live.agent_paused_until.is_some(),
        "who keeps silent in one of them goes on"
    );
    assert_eq!(contact.identities.len(), 2);
    assert_eq!(world.open(&bsuid(BSUID)).await.id, kept.id);

    assert!(world.unmerge(gone.contact).await);
    assert!(!world.unmerge(gone.contact).await);
    assert_eq!(world.snapshot().await, before);
}

#[tokio::test]
async fn merges_of_merges_are_undone_in_any_order() {
    let world = World::create().await;
    let mut opened = Vec::new();
    for n in 1..=4 {
        opened.push(world.open(&phone(&format!("4917012345{n:02}"))).await);
    }
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| opened[n].contact);
    let before = world.snapshot().await;
    for undo in [[b, c, d], [d, b, c], [c, d, b]] {
        assert!(matches!(world.merge(c, d).await, MergeOutcome::Merged(_)));
        assert!(matches!(world.merge(b, c).await, MergeOutcome::Merged(_)));
        assert!(matches!(world.merge(a, b).await, MergeOutcome::Merged(_)));
        let mut tx = world.tx().await;
        let last = tx.contacts().find(d).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            last.merged_into,
            Some(a),
            "whoever stands for it is not merged itself"
        );
        for contact in undo {
            assert!(world.unmerge(contact).await);
        }
        assert_eq!(world.snapshot().await, before);
    }
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused() {
    let world = World::create().await;
    let (one, other) = (
        world.open(&phone(ADA)).await,
        world.open(&bsuid(BSUID)).await,
    );
    let third = world.open(&phone("4917012345678")).await;
    let is_refused = |outcome| matches!(outcome, MergeOutcome::Refused(_));
    assert!(is_refused(world.merge(one.contact, one.contact).await));
    let stranger = ContactId::new(now());
    assert_eq!(
        world.merge(one.contact, stranger).await,
        MergeOutcome::Missing
    );
    world.merge(one.contact, other.contact).await;
    assert!(is_refused(world.merge(third.contact, other.contact).await));
    assert!(is_refused(world.merge(other.contact, third.contact).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_see_the_same_new_person_make_one_contact() {
    let world = World::create().await;
    for round in 0..10 {
        let seen = [
            Ids::of_phone(format!("55119876543{round:02}")),
            Ids::of_phone(format!("5511876543{round:02}")),
            Ids {
                bsuid: Some(format!("BR.{round}")),
                ..Ids::of_phone(format!("55119876543{round:02}"))
            },
        ];
        let observing = seen.into_iter().map(|ids| observe(&world, ids));
        let found = futures_of(observing.collect()).await;
        assert_eq!(found[0], found[1], "{round}");
        assert_eq!(found[0], found[2], "{round}");
    }
    let merges: i64 = sqlx::query_scalar("SELECT count(*) FROM contact_merges")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(merges, 0);
}

type Observing<'w> = std::pin::Pin<Box<dyn Future<Output = ContactId> + Send + 'w>>;

/// Runs everything at once.
async fn futures_of(futures: Vec<Observing<'_>>) -> Vec<ContactId> {
    let [a, b, c] = <[Observing<'_>; 3]>::try_from(futures).ok().unwrap();
    let (a, b, c) = tokio::join!(a, b, c);
    vec![a, b, c]
}

/// Observes as ingest does: what fails because of others is tried again.
fn observe(world: &World, ids: Ids) -> Observing<'_> {
    Box::pin(async move {
        loop {
            match try_observe(world, &ids).await {
                Ok(contact) => return contact,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
    })
}

async fn try_observe(world: &World, ids: &Ids) -> Result<ContactId, DbError> {
    let organization = world.tenant.organization;
    let sighting = Sighting {
        organization,
        observation: Observation {
            ids: ids.clone(),
            becomes: None,
            also: None,
            at: now(),
            is_metas: true,
            makes_contact: true,
        },
    };
    let mut tx = world.db.system(SystemReason::Ingest).await?;
    let sighted = tx.identities().observe(&[sighting], now()).await?;
    let contact = sighted.people[0].unwrap().contact;
    if sighted.created.contains(&contact) {
        let row = sb_db::ingest::ContactRow {
            organization,
            id: contact,
            profile_name: String::new(),
            is_group: ids.group.is_some(),
        };
        tx.ingest().save_contacts(&[row], now()).await?;
    }
    tx.commit().await?;
    Ok(contact)
}
