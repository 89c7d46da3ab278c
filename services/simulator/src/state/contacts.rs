//! The people with phones.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Utc};
use ring::digest;
use serde::Serialize;
use serde_json::{Value, json};

/// People kept in memory; the least recently added goes first.
const MAX_CONTACTS: usize = 100_000;

/// Country of a number's prefix, longest first, for the BSUID.
const COUNTRIES: &[(&str, &str)] = &[
    ("972", "IL"),
    ("971", "AE"),
    ("351", "PT"),
    ("234", "NG"),
    ("91", "IN"),
    ("81", "JP"),
    ("62", "ID"),
    ("61", "AU"),
    ("57", "CO"),
    ("56", "CL"),
    ("55", "BR"),
    ("54", "AR"),
    ("52", "MX"),
    ("51", "PE"),
    ("49", "DE"),
    ("44", "GB"),
    ("39", "IT"),
    ("34", "ES"),
    ("33", "FR"),
    ("1", "US"),
];

/// One chat between a phone and a business number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Thread {
    /// Ids of its messages, oldest first.
    pub(crate) messages: VecDeque<String>,
    /// Opens the customer service window.
    pub(crate) last_inbound: Option<DateTime<Utc>>,
    pub(crate) last_activity: u64,
    pub(crate) unread: u32,
    pub(crate) typing_until: Option<DateTime<Utc>>,
    /// Theoretical arrival time of the pair rate limit, in milliseconds.
    pub(crate) pair_due_ms: i64,
}

/// A WhatsApp user.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Contact {
    pub(crate) wa_id: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) username: Option<String>,
    /// A username adopter: webhooks carry the BSUID and no number.
    pub(crate) hide_phone: bool,
    /// False: the number has no WhatsApp, sends fail with 131026.
    pub(crate) on_whatsapp: bool,
    /// False: the phone is switched off, messages stay at one tick.
    pub(crate) online: bool,
    /// Overrides the automatic read receipts.
    pub(crate) auto_read: Option<bool>,
    #[serde(skip)]
    pub(crate) threads: BTreeMap<String, Thread>,
}

impl Contact {
    pub(crate) fn new(wa_id: &str, name: &str) -> Self {
        Self {
            wa_id: wa_id.to_owned(),
            user_id: bsuid(wa_id),
            name: name.to_owned(),
            username: None,
            hide_phone: false,
            on_whatsapp: true,
            online: true,
            auto_read: None,
            threads: BTreeMap::new(),
        }
    }

    /// The `contacts[]` element of a webhook.
    pub(crate) fn webhook(&self) -> Value {
        let mut profile = json!({ "name": self.name });
        if let (Some(username), Some(profile)) = (&self.username, profile.as_object_mut()) {
            profile.insert("username".to_owned(), json!(username));
        }
        let mut contact = json!({ "profile": profile, "user_id": self.user_id });
        if let (false, Some(contact)) = (self.hide_phone, contact.as_object_mut()) {
            contact.insert("wa_id".to_owned(), json!(self.wa_id));
        }
        contact
    }
}

/// Everybody, with eviction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contacts {
    by_wa_id: HashMap<String, Contact>,
    by_user_id: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Contacts {
    pub(crate) fn get(&self, wa_id: &str) -> Option<&Contact> {
        self.by_wa_id.get(wa_id)
    }

    /// Finds the person behind a BSUID.
    pub(crate) fn by_user_id(&self, user_id: &str) -> Option<&Contact> {
        self.by_wa_id.get(self.by_user_id.get(user_id)?)
    }

    /// Resolves what a business dialled: the number itself, or the spelling
    /// the person registered with (Brazil's ninth digit, Mexico's 1).
    pub(crate) fn dialled(&self, number: &str) -> Option<&Contact> {
        self.get(number).or_else(|| {
            variants(number)
                .iter()
                .find_map(|variant| self.by_wa_id.get(variant))
        })
    }

    /// Returns the contact, created with the name when it is new.
    pub(crate) fn ensure(&mut self, wa_id: &str, name: &str) -> &mut Contact {
        if !self.by_wa_id.contains_key(wa_id) {
            if self.order.len() >= MAX_CONTACTS
                && let Some(oldest) = self.order.pop_front()
                && let Some(gone) = self.by_wa_id.remove(&oldest)
            {
                self.by_user_id.remove(&gone.user_id);
            }
            self.order.push_back(wa_id.to_owned());
            self.by_user_id.insert(bsuid(wa_id), wa_id.to_owned());
        }
        self.by_wa_id
            .entry(wa_id.to_owned())
            .or_insert_with(|| Contact::new(wa_id, name))
    }

    pub(crate) fn remove(&mut self, wa_id: &str) -> bool {
        let Some(gone) = self.by_wa_id.remove(wa_id) else {
            return false;
        };
        self.by_user_id.remove(&gone.user_id);
        self.order.retain(|id| id != wa_id);
        true
    }

    pub(crate) fn thread_mut(&mut self, wa_id: &str, number_id: &str) -> Option<&mut Thread> {
        let contact = self.by_wa_id.get_mut(wa_id)?;
        Some(contact.threads.entry(number_id.to_owned()).or_default())
    }

    pub(crate) fn thread(&self, wa_id: &str, number_id: &str) -> Option<&Thread> {
        self.by_wa_id.get(wa_id)?.threads.get(number_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.order.iter().filter_map(|id| self.by_wa_id.get(id))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_wa_id.len()
    }
}

/// Business-scoped user id: stable for a number, in Meta's spelling.
fn bsuid(wa_id: &str) -> String {
    let hash = digest::digest(&digest::SHA256, wa_id.as_bytes());
    let mut bytes = [0; 8];
    bytes
        .iter_mut()
        .zip(hash.as_ref())
        .for_each(|(to, from)| *to = *from);
    let digits = u64::from_be_bytes(bytes);
    let country = COUNTRIES
        .iter()
        .find(|(prefix, _)| wa_id.starts_with(prefix))
        .map_or("US", |(_, country)| country);
    format!("{country}.{digits:020}")
}

/// Other spellings of the same line.
fn variants(number: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(rest) = number.strip_prefix("55")
        && let Some((area, line)) = rest.split_at_checked(2)
    {
        match (line.len(), line.strip_prefix('9')) {
            (9, Some(short)) => found.push(format!("55{area}{short}")),
            (8, _) => found.push(format!("55{area}9{line}")),
            _ => {}
        }
    }
    for (with, without) in [("521", "52"), ("549", "54")] {
        if let Some(rest) = number.strip_prefix(with) {
            found.push(format!("{without}{rest}"));
        } else if let Some(rest) = number.strip_prefix(without) {
            found.push(format!("{with}{rest}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brazilian_ninth_digit_reaches_the_same_person() {
        let mut contacts = Contacts::default();
        contacts.ensure("551187654321", "Ana");
        let found = contacts.dialled("5511987654321").map(|c| c.name.as_str());
        assert_eq!(found, Some("Ana"));
    }

    #[test]
    fn bsuid_is_stable_and_names_the_country() {
        assert_eq!(bsuid("5511987654321"), bsuid("5511987654321"));
        assert!(bsuid("5511987654321").starts_with("BR."));
        assert_ne!(bsuid("16505551234"), bsuid("16505551235"));
    }

    #[test]
    fn hidden_phone_leaves_only_the_user_id_in_the_webhook() {
        let mut contact = Contact::new("16505551234", "Ana");
        contact.hide_phone = true;
        assert!(contact.webhook().get("wa_id").is_none());
        assert!(contact.webhook().get("user_id").is_some());
    }
}
