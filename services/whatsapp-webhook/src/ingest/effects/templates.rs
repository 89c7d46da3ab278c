//! Templates.

use chrono::DateTime;
use sb_cloud_api::webhook::fields::{TemplateRef, TemplateStatus, TemplateUpdate};
use sb_db::DbError;
use sb_db::ingest::{Ingest, TemplateFact, TemplateKey};
use sb_events::proto::template::v1::TemplateChanged;
use serde_json::Value;

use super::super::announce::bounded;
use super::{Effects, Stored, Told, fact};

/// What a template's update means: what changed, its new word, and what to record.
struct Reading<'u> {
    template: &'u TemplateRef,
    change: &'static str,
    new_value: String,
    fact: Option<TemplateFact>,
}

pub(super) async fn apply(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, update): (&Told<'_>, &TemplateUpdate),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let reading = read(update, &told.kept.payload_json);
    let key = TemplateKey {
        organization: told.row.organization,
        waba_id: told.row.waba_id.clone(),
        template_id: reading.template.id.clone(),
        name: reading.template.name.clone().unwrap_or_default(),
        language: reading.template.language.clone().unwrap_or_default(),
    };
    if let Some(news) = &reading.fact {
        ingest.tell_template(&key, news, told.kept.at).await?;
    }
    stored.events.push(effects.announcer.told(&TemplateChanged {
        meta: Some(fact(told, "template.changed")),
        waba_id: key.waba_id,
        template_id: key.template_id,
        name: key.name,
        language: key.language,
        change: reading.change.to_owned(),
        new_value: reading.new_value,
        value_json: bounded(&told.row.payload_json),
    })?);
    Ok(())
}

fn read<'u>(update: &'u TemplateUpdate, payload: &str) -> Reading<'u> {
    let reading = |template, change, new_value: Option<&str>, fact| Reading {
        template,
        change,
        new_value: new_value.unwrap_or_default().to_owned(),
        fact,
    };
    match update {
        TemplateUpdate::Status(update) => reading(
            &update.template,
            "status",
            Some(&update.event),
            Some(status(update)),
        ),
        TemplateUpdate::Quality(update) => {
            let quality = update.new_quality_score.as_str();
            let news = TemplateFact::Quality(quality.to_owned());
            reading(&update.template, "quality", Some(quality), Some(news))
        }
        TemplateUpdate::Components(update) => {
            let components = serde_json::from_str(payload).unwrap_or_default();
            let news = TemplateFact::Components(components);
            reading(&update.template, "components", None, Some(news))
        }
        // A day ahead: the present category is told as the new one.
        TemplateUpdate::Category(update) if update.correct_category.is_some() => {
            let next = update.correct_category.as_deref().unwrap_or_default();
            let at = update.category_update_timestamp;
            let news = TemplateFact::NextCategory {
                category: next.to_owned(),
                at: at.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            };
            reading(&update.template, "next_category", Some(next), Some(news))
        }
        TemplateUpdate::Category(update) => {
            let category = update.new_category.clone().unwrap_or_default();
            let new = update.new_category.as_deref();
            let news = TemplateFact::Category(category);
            reading(&update.template, "category", new, Some(news))
        }
        TemplateUpdate::Misuse(update) => {
            let correct = update.correct_category.as_deref();
            reading(&update.template, "misuse", correct, None)
        }
    }
}

fn status(update: &TemplateStatus) -> TemplateFact {
    let parts = [
        ("reason", update.reason.clone().map(Value::from)),
        ("disable_info", update.disable_info.clone()),
        ("other_info", update.other_info.clone()),
        ("rejection_info", update.rejection_info.clone()),
    ];
    let detail = parts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    TemplateFact::Status {
        status: update.event.clone(),
        category: update.category.clone().unwrap_or_default(),
        detail: Value::Object(detail),
    }
}
