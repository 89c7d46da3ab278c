//! What kept updates change beside being kept, and what is announced about them.

mod accounts;
mod numbers;
mod people;
mod templates;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sb_cloud_api::webhook::fields::FieldUpdate;
use sb_db::DbError;
use sb_db::ingest::{AccountFact, Ingest, KeptUpdate, Seen};
use sb_events::proto::account::v1::AccountUpdated;
use sb_events::proto::common::v1::EventMeta;
use sb_events::proto::update::v1::UpdateUnrecognized;
use sb_events::{Origin, meta};
use sb_ids::EventId;

use super::Disposition;
use super::announce::{Announcer, bounded};
use super::plan::Fact;
use super::resolve::Resolver;
use super::store::{Stored, Told};

/// Everything an effect needs.
pub(crate) struct Effects<'s> {
    pub(crate) announcer: &'s Announcer,
    pub(crate) resolver: &'s Resolver,
    pub(crate) now: DateTime<Utc>,
}

/// The first field of the event about an update; the same update always gives the same id.
fn fact(told: &Told<'_>, kind: &str) -> EventMeta {
    meta(
        EventId::derive(told.row.id, kind),
        told.unit.source.received_at,
        told.row.organization,
        Origin::start(told.unit.source.post.as_uuid()),
    )
}

impl Effects<'_> {
    /// Keeps the updates; those that are new change what they are about, and are announced. One that an earlier
    /// run of the same post kept is announced again: its effects committed with it, its event may not have left.
    pub(crate) async fn write(
        &self,
        ingest: &mut Ingest<'_>,
        told: &[Told<'_>],
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        let rows: Vec<KeptUpdate> = told.iter().map(|told| told.row.clone()).collect();
        let kept = ingest.keep(&rows).await?;
        let people = people::resolve(self, ingest, told).await?;
        let mut done = HashSet::new();
        for (told, who) in told.iter().zip(people) {
            let seen = kept.seen(&told.row);
            let is_first_here = done.insert((told.row.organization, told.row.id));
            stored.dispositions.push(match (seen, &told.kept.fact) {
                (Seen::First, Some(_)) if is_first_here => Disposition::Applied,
                (Seen::First, None) if is_first_here => Disposition::Kept,
                (Seen::First | Seen::SamePost | Seen::Before, _) => Disposition::Duplicate,
            });
            if is_first_here && seen != Seen::Before {
                self.apply(ingest, told, who, stored).await?;
            }
        }
        Ok(())
    }

    async fn apply(
        &self,
        ingest: &mut Ingest<'_>,
        told: &Told<'_>,
        who: Option<people::Who>,
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        match &told.kept.fact {
            None => stored.events.push(self.unrecognized(told)?),
            Some(Fact::Field(update)) => self.field(ingest, told, (update, who), stored).await?,
            Some(Fact::Preference(_) | Fact::Card(_) | Fact::Call(_) | Fact::CallStatus(_)) => {
                people::apply(self, ingest, (told, who), stored).await?;
            }
            Some(Fact::Group(event)) => people::group(self, ingest, (told, event), stored).await?,
            Some(Fact::HistoryProgress { progress, error }) => {
                let progress = progress.and_then(|progress| i16::try_from(progress).ok());
                numbers::history(self, ingest, told, (progress, error.clone()), stored).await?;
            }
            // Resolving whom it is about was its effect.
            Some(Fact::Identity(_)) => {}
            Some(Fact::Notice) => stored.events.push(self.updated(told, "")?),
        }
        Ok(())
    }

    async fn field(
        &self,
        ingest: &mut Ingest<'_>,
        told: &Told<'_>,
        (update, who): (&FieldUpdate, Option<people::Who>),
        stored: &mut Stored,
    ) -> Result<(), DbError> {
        match update {
            FieldUpdate::Template(update) => {
                templates::apply(self, ingest, (told, update), stored).await
            }
            FieldUpdate::Number(update) => {
                numbers::apply(self, ingest, (told, update), stored).await
            }
            FieldUpdate::Handover(handover) => {
                people::handover(self, ingest, (told, handover, who), stored).await
            }
            FieldUpdate::Account(event) => {
                accounts::event(self, ingest, (told, event), stored).await
            }
            FieldUpdate::AccountReview(review) => {
                let news = AccountFact::Review(review.decision.clone());
                accounts::tell(self, ingest, (told, &review.decision, Some(&news)), stored).await
            }
            FieldUpdate::BusinessCapability(capability) => {
                let limit = capability.messaging_limit.clone();
                let limit = limit.or_else(|| capability.number_limit.clone());
                let news = limit.map(AccountFact::MessagingLimit);
                accounts::tell(self, ingest, (told, "", news.as_ref()), stored).await
            }
            FieldUpdate::AccountAlert(alert) => {
                let kind = alert.alert_info.as_ref();
                let kind = kind.and_then(|info| info.kind.as_deref());
                stored
                    .events
                    .push(self.updated(told, kind.unwrap_or_default())?);
                Ok(())
            }
            FieldUpdate::Flow(flow) => {
                stored.events.push(self.updated(told, &flow.event)?);
                Ok(())
            }
            FieldUpdate::PartnerSolution(solution) => {
                stored.events.push(self.updated(told, &solution.event)?);
                Ok(())
            }
            FieldUpdate::PaymentConfiguration(configuration) => {
                let status = configuration.status.as_deref().unwrap_or_default();
                stored.events.push(self.updated(told, status)?);
                Ok(())
            }
            FieldUpdate::AutomaticEvents(_) => {
                stored.events.push(self.updated(told, "")?);
                Ok(())
            }
        }
    }

    fn unrecognized(&self, told: &Told<'_>) -> Result<sb_events::Addressed, DbError> {
        self.announcer.told(&UpdateUnrecognized {
            meta: Some(fact(told, "update.unrecognized")),
            waba_id: told.row.waba_id.clone(),
            field: told.row.field.clone(),
            raw_update_id: told.row.id.to_string(),
            value_json: bounded(&told.row.payload_json),
        })
    }

    fn updated(&self, told: &Told<'_>, event: &str) -> Result<sb_events::Addressed, DbError> {
        self.announcer.told(&AccountUpdated {
            meta: Some(fact(told, "account.updated")),
            waba_id: told.row.waba_id.clone(),
            field: told.row.field.clone(),
            event: event.to_owned(),
            value_json: bounded(&told.row.payload_json),
        })
    }
}
