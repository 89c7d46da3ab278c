//! The values of every documented field beside `messages`, typed as far as documented.
//!
//! Everything is optional but what says which thing an update is about: Meta's samples differ from its tables, ids
//! come as numbers and as text, and a new field must not cost us an old one. Whoever handles an update keeps its
//! value as received beside what is read here.
//!
//! # Source
//! Meta, "Webhooks reference", 2026-09, and the changelog of 2026-08-11.

mod account;
mod call;
mod contact;
mod group;
mod history;
mod identity;
mod number;
mod standby;
mod template;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use account::{
    AccountAlert, AccountEvent, AccountReview, AutomaticEvents, BusinessCapability, FlowEvent,
    PartnerSolution, PaymentConfiguration,
};
pub use call::{CallSignal, CallStatus, CallsValue};
pub use contact::{ContactSync, Preference, SyncAction};
pub use group::{GroupEvent, Participant};
pub use history::{History, HistoryThread};
pub use identity::{ChangedId, IdentityChange};
pub use number::{NumberName, NumberQuality, NumberSecurity, NumberSettings, NumberUsername};
pub use standby::{Handover, Standby, StandbyEcho};
pub use template::{
    TemplateCategory, TemplateComponents, TemplateMisuse, TemplateQuality, TemplateRef,
    TemplateStatus,
};

use super::{Malformed, Problem};

/// One update of a field that is about an account and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldUpdate {
    /// A template.
    Template(TemplateUpdate),
    /// A business phone number.
    Number(NumberUpdate),
    /// `account_update`.
    Account(Box<AccountEvent>),
    /// `account_alerts`.
    AccountAlert(AccountAlert),
    /// `account_review_update`.
    AccountReview(AccountReview),
    /// `business_capability_update`.
    BusinessCapability(BusinessCapability),
    /// `flows`.
    Flow(FlowEvent),
    /// `partner_solutions`.
    PartnerSolution(PartnerSolution),
    /// `payment_configuration_update`.
    PaymentConfiguration(PaymentConfiguration),
    /// `automatic_events`.
    AutomaticEvents(AutomaticEvents),
    /// `messaging_handovers`.
    Handover(Box<Handover>),
}

/// One update about a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateUpdate {
    /// `message_template_status_update`.
    Status(TemplateStatus),
    /// `message_template_quality_update`.
    Quality(TemplateQuality),
    /// `message_template_components_update`.
    Components(TemplateComponents),
    /// `template_category_update`.
    Category(TemplateCategory),
    /// `template_correct_category_detection`.
    Misuse(TemplateMisuse),
}

/// One update about a business phone number.
#[derive(Debug, Clone, PartialEq)]
pub enum NumberUpdate {
    /// `phone_number_quality_update`.
    Quality(NumberQuality),
    /// `phone_number_name_update`.
    Name(NumberName),
    /// `business_username_updates`.
    Username(NumberUsername),
    /// `security`.
    Security(NumberSecurity),
    /// `account_settings_update`.
    Settings(NumberSettings),
}

impl FieldUpdate {
    /// Reads the value of a field; `None` for a field that is not known here, or that has a parser of its own
    /// ([`super::MessagesValue`], [`History`], [`Standby`], [`CallsValue`], the list types).
    ///
    /// # Errors
    /// [`Malformed`] when the value has another form than documented.
    pub fn parse(field: &str, value: &RawValue) -> Option<Result<Self, Malformed>> {
        if let Some(update) = TemplateUpdate::parse(field, value) {
            return Some(update.map(Self::Template));
        }
        if let Some(update) = NumberUpdate::parse(field, value) {
            return Some(update.map(Self::Number));
        }
        Some(match field {
            "account_update" => read(field, value).map(Box::new).map(Self::Account),
            "account_alerts" => read(field, value).map(Self::AccountAlert),
            "account_review_update" => read(field, value).map(Self::AccountReview),
            "business_capability_update" => read(field, value).map(Self::BusinessCapability),
            "flows" => read(field, value).map(Self::Flow),
            "partner_solutions" => read(field, value).map(Self::PartnerSolution),
            "payment_configuration_update" => read(field, value).map(Self::PaymentConfiguration),
            "automatic_events" => read(field, value).map(Self::AutomaticEvents),
            "messaging_handovers" => Handover::parse(value).map(Box::new).map(Self::Handover),
            _ => return None,
        })
    }
}

impl TemplateUpdate {
    fn parse(field: &str, value: &RawValue) -> Option<Result<Self, Malformed>> {
        Some(match field {
            // One sample of Meta's posts a quality update under the name of the status update.
            "message_template_status_update" if template::is_quality(value) => {
                read(field, value).map(Self::Quality)
            }
            "message_template_status_update" => read(field, value).map(Self::Status),
            "message_template_quality_update" => read(field, value).map(Self::Quality),
            "message_template_components_update" => read(field, value).map(Self::Components),
            "template_category_update" => read(field, value).map(Self::Category),
            "template_correct_category_detection" => read(field, value).map(Self::Misuse),
            _ => return None,
        })
    }
}

impl NumberUpdate {
    fn parse(field: &str, value: &RawValue) -> Option<Result<Self, Malformed>> {
        Some(match field {
            "phone_number_quality_update" => read(field, value).map(Self::Quality),
            "phone_number_name_update" => read(field, value).map(Self::Name),
            "business_username_updates" => read(field, value).map(Self::Username),
            "security" => read(field, value).map(Self::Security),
            "account_settings_update" => read(field, value).map(Self::Settings),
            _ => return None,
        })
    }
}

/// Reads a value in its documented form.
fn read<'a, T: Deserialize<'a>>(field: &str, value: &'a RawValue) -> Result<T, Malformed> {
    serde_json::from_str(value.get()).map_err(|error| Malformed::json(what(field), &error))
}

/// The kind of object that an error names: a field's own name would be input.
fn what(field: &str) -> &'static str {
    match field {
        "history" => "history",
        "standby" => "standby",
        "calls" => "calls value",
        _ => "field value",
    }
}

fn missing(field: &'static str) -> Malformed {
    Malformed::field("field value", Problem::Missing, field)
}

#[cfg(test)]
mod tests;
