//! Business phone numbers.

use sb_cloud_api::webhook::fields::NumberUpdate;
use sb_db::DbError;
use sb_db::ingest::{Ingest, NumberFact, NumberName};
use sb_events::proto::number::v1::NumberChanged;
use sb_events::{Origin, meta};
use sb_ids::{EventId, NumberId};
use serde_json::Value;

use super::{Effects, Stored, Told};

pub(super) async fn apply(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, update): (&Told<'_>, &NumberUpdate),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let Some((name, news)) = read(update) else {
        return Ok(());
    };
    stored.events.push(effects.updated(told, word(&news))?);
    tell(effects, ingest, told, (&name, &news), stored).await
}

/// Records what is told about the numbers that an update means, and announces those for which it is news.
pub(super) async fn tell(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    told: &Told<'_>,
    (name, news): (&NumberName, &NumberFact),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let organization = told.row.organization;
    let numbers = ingest
        .find_numbers(organization, &told.row.waba_id, name)
        .await?;
    for number in numbers {
        let key = (organization, number);
        if ingest.tell_number(key, news, told.kept.at).await? {
            stored.events.push(changed(effects, told, number, news)?);
        }
    }
    Ok(())
}

fn changed(
    effects: &Effects<'_>,
    told: &Told<'_>,
    number: NumberId,
    news: &NumberFact,
) -> Result<sb_events::Addressed, DbError> {
    effects.announcer.told(&NumberChanged {
        meta: Some(meta(
            EventId::derive(told.row.id, &format!("number.changed.{number}")),
            told.unit.source.received_at,
            told.row.organization,
            Origin::start(told.unit.source.post.as_uuid()),
        )),
        number_id: number.to_string(),
        changed: news
            .columns()
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    })
}

/// How far the import of the past is.
pub(super) async fn history(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    told: &Told<'_>,
    (progress, error): (Option<i16>, Option<Value>),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let Some(route) = &told.route else {
        return Ok(());
    };
    let name = NumberName::Id(route.phone_number_id.clone());
    let news = NumberFact::History { progress, error };
    tell(effects, ingest, told, (&name, &news), stored).await
}

/// Meta's word that the account's event carries.
fn word(news: &NumberFact) -> &str {
    match news {
        NumberFact::Status(word) | NumberFact::Pin(word) => word,
        NumberFact::Limit {
            messaging_limit, ..
        } => messaging_limit,
        NumberFact::Name { decision, .. } => decision,
        NumberFact::Username { status, .. } => status,
        NumberFact::Calling(_) | NumberFact::History { .. } => "",
    }
}

fn read(update: &NumberUpdate) -> Option<(NumberName, NumberFact)> {
    Some(match update {
        NumberUpdate::Quality(update) => {
            let name = NumberName::Shown(update.display_phone_number.clone());
            let limit = update.messaging_limit.as_ref();
            let limit = limit.or(update.current_limit.as_ref());
            let is_faster = update.event.as_deref() == Some("THROUGHPUT_UPGRADE");
            let news = NumberFact::Limit {
                messaging_limit: limit.cloned().unwrap_or_default(),
                throughput_level: if is_faster { "HIGH" } else { "" }.to_owned(),
            };
            match update.event.as_deref() {
                Some("FLAGGED") => (name, NumberFact::Status("FLAGGED".to_owned())),
                _ => (name, news),
            }
        }
        NumberUpdate::Name(update) => (
            NumberName::Shown(update.display_phone_number.clone()),
            NumberFact::Name {
                decision: update.decision.clone(),
                requested: update.requested_verified_name.clone().unwrap_or_default(),
            },
        ),
        NumberUpdate::Username(update) => (
            NumberName::Shown(update.display_phone_number.clone()),
            NumberFact::Username {
                username: update.username.clone().unwrap_or_default(),
                status: update.status.clone(),
            },
        ),
        NumberUpdate::Security(update) => (
            NumberName::Shown(update.display_phone_number.clone()),
            NumberFact::Pin(update.event.clone()),
        ),
        NumberUpdate::Settings(update) => {
            let settings = &update.phone_number_settings;
            (
                NumberName::Id(settings.phone_number_id.clone()),
                NumberFact::Calling(settings.calling.clone()?),
            )
        }
    })
}
