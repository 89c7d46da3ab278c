//! Accounts: offboarded, reconnected, disabled, restricted, reviewed.

use sb_cloud_api::webhook::fields::AccountEvent;
use sb_db::DbError;
use sb_db::ingest::{AccountFact, Ingest, NumberFact, NumberName};
use serde_json::Value;

use super::{Effects, Stored, Told, numbers};

/// Announces an update and records what it tells.
pub(super) async fn tell(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, word, news): (&Told<'_>, &str, Option<&AccountFact>),
    stored: &mut Stored,
) -> Result<(), DbError> {
    stored.events.push(effects.updated(told, word)?);
    if let Some(news) = news {
        let key = (told.row.organization, told.row.waba_id.as_str());
        ingest.tell_account(key, news, told.kept.at).await?;
    }
    Ok(())
}

/// `account_update`.
///
/// # Source
/// Meta, "`account_update` webhook", 2026; `ACCOUNT_OFFBOARDED` and `ACCOUNT_RECONNECTED` in coexistence.
pub(super) async fn event(
    effects: &Effects<'_>,
    ingest: &mut Ingest<'_>,
    (told, event): (&Told<'_>, &AccountEvent),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let (account, number) = read(event, &told.unit.source.app_id);
    tell(
        effects,
        ingest,
        (told, &event.event, account.as_ref()),
        stored,
    )
    .await?;
    if let Some((name, news)) = &number {
        numbers::tell(effects, ingest, told, (name, news), stored).await?;
    }
    Ok(())
}

/// What an event means for the account and for its numbers.
fn read(
    event: &AccountEvent,
    app_id: &str,
) -> (Option<AccountFact>, Option<(NumberName, NumberFact)>) {
    let number = || match &event.phone_number {
        Some(shown) => NumberName::Shown(shown.clone()),
        None => NumberName::All,
    };
    let status = |word: &str| Some((number(), NumberFact::Status(word.to_owned())));
    let info = |value: &Option<Value>| value.clone().unwrap_or_default();
    let app = event.waba_info.as_ref();
    let app = app.and_then(|info| info.partner_app.as_deref());
    match event.event.as_str() {
        // Another app came or went.
        "PARTNER_APP_INSTALLED" | "PARTNER_APP_UNINSTALLED"
            if app.is_some_and(|app| app != app_id) =>
        {
            (None, None)
        }
        // One number of several left: the account stays.
        "PARTNER_REMOVED" | "ACCOUNT_OFFBOARDED" if event.phone_number.is_some() => {
            (None, status("DISCONNECTED"))
        }
        "PARTNER_REMOVED" | "ACCOUNT_OFFBOARDED" | "PARTNER_APP_UNINSTALLED" => (
            Some(AccountFact::Status("offboarded")),
            status("DISCONNECTED"),
        ),
        "ACCOUNT_DELETED" => (Some(AccountFact::Status("deleted")), status("DISCONNECTED")),
        "PARTNER_ADDED" | "PARTNER_APP_INSTALLED" => (Some(AccountFact::Status("active")), None),
        "ACCOUNT_RECONNECTED" => (Some(AccountFact::Status("active")), status("CONNECTED")),
        "DISABLED_UPDATE" => {
            let ban = event.ban_info.as_ref();
            let state = ban.and_then(|ban| ban.waba_ban_state.as_deref());
            let word = match state {
                Some("DISABLE") => Some("disabled"),
                Some("REINSTATE") => Some("active"),
                _ => None,
            };
            let info = serde_json::json!({
                "state": state,
                "date": ban.and_then(|ban| ban.waba_ban_date.as_deref()),
            });
            (Some(AccountFact::Ban { status: word, info }), None)
        }
        "ACCOUNT_RESTRICTION" => (
            Some(AccountFact::Restrictions(info(&event.restriction_info))),
            None,
        ),
        _ => (None, None),
    }
}
