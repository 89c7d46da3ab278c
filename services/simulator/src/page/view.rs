//! The view models of the page.

use chrono::{DateTime, Utc};

use super::content::{Content, content, summary};
use crate::state::State;
use crate::state::contacts::Contact;
use crate::state::ids::Direction;
use crate::state::messages::{Message, Progress};

/// Messages shown of a chat.
const SHOWN_MESSAGES: usize = 200;
/// Phones shown in the list; the search box finds the others by number.
const SHOWN_PHONES: usize = 200;

/// A row of the list of phones.
#[derive(Debug, Clone)]
pub(crate) struct PhoneRow {
    pub(crate) wa_id: String,
    pub(crate) name: String,
    pub(crate) initials: String,
    /// Tint of the avatar, 0 to 359.
    pub(crate) hue: u32,
    pub(crate) last: String,
    pub(crate) time: String,
    pub(crate) unread: u32,
    pub(crate) is_selected: bool,
}

/// A business number to choose.
#[derive(Debug, Clone)]
pub(crate) struct NumberOption {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) is_selected: bool,
}

/// A message of the open chat.
#[derive(Debug, Clone)]
pub(crate) struct Bubble {
    pub(crate) id: String,
    /// `mine`: the phone wrote it; `theirs`: the business did.
    pub(crate) side: &'static str,
    pub(crate) author: String,
    pub(crate) time: String,
    pub(crate) progress: &'static str,
    /// What the ticks mean, for screen readers and the tooltip.
    pub(crate) progress_label: &'static str,
    pub(crate) quote: String,
    pub(crate) content: Content,
    pub(crate) reactions: String,
    pub(crate) failure: String,
    pub(crate) is_revoked: bool,
    pub(crate) is_edited: bool,
}

/// The open chat.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    pub(crate) wa_id: String,
    pub(crate) phone_name: String,
    pub(crate) phone_number: String,
    pub(crate) business_name: String,
    pub(crate) business_number: String,
    pub(crate) is_online: bool,
    pub(crate) reads_by_itself: bool,
    pub(crate) is_typing: bool,
    pub(crate) bubbles: Vec<Bubble>,
}

/// Why webhooks do not arrive, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct Banner {
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    pub(crate) advice: &'static str,
}

/// Phones of a number, the most recently active first.
pub(crate) fn phones(state: &State, number_id: &str, selected: Option<&str>) -> Vec<PhoneRow> {
    let mut contacts: Vec<(u64, &Contact)> = state
        .contacts
        .iter()
        .map(|contact| {
            let thread = contact.threads.get(number_id);
            (thread.map_or(0, |thread| thread.last_activity), contact)
        })
        .collect();
    contacts.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    contacts
        .into_iter()
        .take(SHOWN_PHONES)
        .map(|(_, contact)| row(state, number_id, contact, selected))
        .collect()
}

fn row(state: &State, number_id: &str, contact: &Contact, selected: Option<&str>) -> PhoneRow {
    let thread = contact.threads.get(number_id);
    let last = thread
        .and_then(|thread| thread.messages.back())
        .and_then(|id| state.messages.get(id));
    let is_selected = selected == Some(contact.wa_id.as_str());
    PhoneRow {
        wa_id: contact.wa_id.clone(),
        name: name(contact),
        initials: initials(&contact.name),
        hue: contact.wa_id.bytes().map(u32::from).sum::<u32>() * 47 % 360,
        last: last.map_or_else(|| pretty(&contact.wa_id), summary),
        time: last.map(|message| time(message.at)).unwrap_or_default(),
        unread: thread
            .filter(|_| !is_selected)
            .map_or(0, |thread| thread.unread),
        is_selected,
    }
}

/// The name, or the number of somebody who has none.
fn name(contact: &Contact) -> String {
    if contact.name == contact.wa_id {
        pretty(&contact.wa_id)
    } else {
        contact.name.clone()
    }
}

fn initials(name: &str) -> String {
    let letters = name
        .split_whitespace()
        .filter_map(|word| word.chars().find(|c| c.is_alphabetic()));
    letters.take(2).flat_map(char::to_uppercase).collect()
}

/// `+1 555 020 0001`: groups of three from the end, so that it can be read.
pub(crate) fn pretty(wa_id: &str) -> String {
    let digits: Vec<char> = wa_id.chars().collect();
    let line = digits.len().min(10);
    let (country, local) = digits.split_at(digits.len() - line);
    let local: Vec<String> = match local.split_at_checked(6) {
        Some((head, tail)) => head
            .chunks(3)
            .chain(std::iter::once(tail))
            .map(|part| part.iter().collect())
            .collect(),
        None => vec![local.iter().collect()],
    };
    let country: String = country.iter().collect();
    format!("+{country} {}", local.join(" ")).replace("+ ", "+")
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Numbers to choose from.
pub(crate) fn numbers(state: &State, selected: &str) -> Vec<NumberOption> {
    let numbers = state.accounts.numbers.values().map(|number| NumberOption {
        id: number.id.clone(),
        label: format!("{} · {}", number.verified_name, number.display),
        is_selected: number.id == selected,
    });
    numbers.collect()
}

/// The chat of a phone with a number.
pub(crate) fn chat(
    state: &State,
    number_id: &str,
    wa_id: &str,
    now: DateTime<Utc>,
) -> Option<Chat> {
    let contact = state.contacts.get(wa_id)?;
    let number = state.accounts.numbers.get(number_id)?;
    let thread = contact.threads.get(number_id);
    let ids: Vec<&String> = thread
        .map(|thread| thread.messages.iter().rev().take(SHOWN_MESSAGES).collect())
        .unwrap_or_default();
    let bubbles = ids.into_iter().rev().filter_map(|id| bubble(state, id));
    Some(Chat {
        wa_id: wa_id.to_owned(),
        phone_name: name(contact),
        phone_number: pretty(wa_id),
        business_name: number.verified_name.clone(),
        business_number: number.display.clone(),
        is_online: contact.online,
        reads_by_itself: contact
            .auto_read
            .unwrap_or_else(|| state.faults.of(number_id).auto_read != Some(false)),
        is_typing: thread
            .and_then(|thread| thread.typing_until)
            .is_some_and(|until| until > now),
        bubbles: bubbles.collect(),
    })
}

/// A message as a bubble; reactions are shown on what they react to.
pub(crate) fn bubble(state: &State, id: &str) -> Option<Bubble> {
    let message = state.messages.get(id)?;
    if matches!(message.kind.as_str(), "reaction" | "edit" | "revoke") {
        return None;
    }
    let (side, author) = match message.direction {
        Direction::Inbound => ("mine", state.contacts.get(&message.wa_id).map(name)),
        Direction::Outbound => {
            let number = state.accounts.numbers.get(&message.number_id);
            ("theirs", number.map(|number| number.verified_name.clone()))
        }
    };
    let json = message.json();
    let quoted = ["/context/id", "/context/message_id"]
        .iter()
        .find_map(|path| json.pointer(path)?.as_str())
        .and_then(|id| state.messages.get(id));
    let error = message.error.as_ref();
    Some(Bubble {
        id: message.id.clone(),
        side,
        author: author.unwrap_or_default(),
        time: time(message.at),
        progress: message.progress.as_str(),
        progress_label: progress_label(message),
        quote: quoted.map(summary).unwrap_or_default(),
        content: content(state, message),
        reactions: message.reactions.iter().flatten().cloned().collect(),
        failure: error
            .map(|error| {
                let title = super::content::text(error, "/title");
                let code = error.get("code").map(ToString::to_string);
                format!("{title} ({})", code.unwrap_or_default())
            })
            .unwrap_or_default(),
        is_revoked: message.revoked,
        is_edited: message.edited.is_some(),
    })
}

fn progress_label(message: &Message) -> &'static str {
    match (message.direction, message.progress) {
        (Direction::Inbound, Progress::Accepted | Progress::Sent) => "waiting for your webhook",
        (Direction::Inbound, Progress::Delivered) => "your webhook has it",
        (Direction::Inbound, _) => "read by the business",
        (Direction::Outbound, Progress::Accepted) => "accepted",
        (Direction::Outbound, Progress::Sent) => "sent",
        (Direction::Outbound, Progress::Delivered) => "delivered to the phone",
        (Direction::Outbound, Progress::Read | Progress::Played) => "read on the phone",
        (Direction::Outbound, Progress::Failed) => "failed",
    }
}

/// What is wrong with the callback, if something is.
pub(crate) fn banner(state: &State, app_id: &str, pending: usize) -> Option<Banner> {
    let app = state.accounts.apps.get(app_id)?;
    let has_override = state
        .accounts
        .numbers
        .values()
        .any(|number| number.callback.is_some());
    if app.callback.is_none() && !has_override {
        return Some(Banner {
            title: "Messages go nowhere: no webhook is configured",
            detail: "What you type stays on this page.".to_owned(),
            advice: "Set SWITCHBOARD__SIMULATOR__WEBHOOK_URL, or POST /_sim/webhook with \
                     {\"url\": \"http://…/webhooks/whatsapp\"}.",
        });
    }
    let trouble = state.deliveries.trouble.as_ref()?;
    Some(Banner {
        title: "Your webhook does not take what we post",
        detail: format!("{trouble}. {pending} updates are waiting and will be retried."),
        advice: "Check that the webhook service runs at this address, answers 200, and uses the \
                 same app secret and verify token.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_to_be_read() {
        assert_eq!(pretty("15550200001"), "+1 555 020 0001");
        assert_eq!(pretty("5511987654321"), "+551 198 765 4321");
        assert_eq!(pretty("1234567"), "+123 456 7");
    }

    #[test]
    fn initials_take_the_first_letters_of_two_words() {
        assert_eq!(initials("ana maría souza"), "AM");
        assert_eq!(initials("+1 555"), "");
    }
}
