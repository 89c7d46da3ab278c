//! What Meta's answer to a send says about who gets the message.

use sb_cloud_api::graph::SendReceipt;
use sb_db::dispatch::Address;
use sb_domain::identity::{IdentityKind, Ids, match_key};

/// Ids of one person that were not known to be one person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Learned {
    /// The ids.
    pub(crate) ids: Ids,
    /// Meta's number for the account behind the one that was written to, when it is another one.
    pub(crate) also: Option<String>,
}

/// What an answer teaches; nothing when it repeats what was asked.
///
/// # Source
/// Meta, "Send messages": `contacts[0]` has `wa_id` for who is written to by phone number, which may differ from the
/// number in the request, and `user_id` for who is written to by business-scoped id.
pub(crate) fn learned(address: Option<&Address>, receipt: &SendReceipt) -> Option<Learned> {
    let wa_id = receipt.wa_id.as_ref().map(|id| id.as_str().to_owned());
    let user_id = receipt.user_id.as_ref().map(|id| id.as_str().to_owned());
    match address? {
        Address::Group(_) => None,
        Address::Bsuid(id) => wa_id.map(|phone| Learned {
            ids: Ids {
                phone: Some(phone),
                bsuid: Some(id.as_str().to_owned()),
                ..Ids::default()
            },
            also: None,
        }),
        Address::Phone(asked) => {
            let asked = asked.as_str();
            let meant = wa_id.unwrap_or_else(|| asked.to_owned());
            let key = |digits| match_key(IdentityKind::Phone, digits).into_owned();
            let is_one_number = key(asked) == key(&meant);
            if meant == asked && user_id.is_none() {
                return None;
            }
            let (phone, also) = if is_one_number {
                (meant, None)
            } else {
                (asked.to_owned(), Some(meant))
            };
            Some(Learned {
                ids: Ids {
                    phone: Some(phone),
                    bsuid: user_id,
                    ..Ids::default()
                },
                also,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use sb_ids::{Bsuid, WaId, Wamid};

    use super::*;

    fn receipt(wa_id: Option<&str>, user_id: Option<&str>) -> SendReceipt {
        SendReceipt {
            wamid: Wamid::parse("wamid.A").unwrap(),
            wa_id: wa_id.map(|id| WaId::parse(id).unwrap()),
            user_id: user_id.map(|id| Bsuid::parse(id).unwrap()),
            message_status: None,
        }
    }

    fn phone(digits: &str) -> Address {
        Address::Phone(WaId::parse(digits).unwrap())
    }

    #[test]
    fn an_answer_that_repeats_the_question_teaches_nothing() {
        let asked = phone("16505551234");
        assert_eq!(
            learned(Some(&asked), &receipt(Some("16505551234"), None)),
            None
        );
        assert_eq!(learned(Some(&asked), &receipt(None, None)), None);
        assert_eq!(learned(None, &receipt(Some("16505551234"), None)), None);
    }

    #[test]
    fn another_spelling_replaces_the_one_that_was_typed() {
        let taught = learned(
            Some(&phone("5511987654321")),
            &receipt(Some("551187654321"), None),
        )
        .unwrap();
        assert_eq!(taught.ids, Ids::of_phone("551187654321"));
        assert_eq!(taught.also, None);
    }

    #[test]
    fn another_number_is_known_beside_the_one_that_was_typed() {
        let taught = learned(
            Some(&phone("4917012345678")),
            &receipt(Some("4917112345678"), None),
        )
        .unwrap();
        assert_eq!(taught.ids, Ids::of_phone("4917012345678"));
        assert_eq!(taught.also.as_deref(), Some("4917112345678"));
    }

    #[test]
    fn both_ids_of_one_answer_are_one_persons() {
        let by_id = Address::Bsuid(Bsuid::parse("US.1").unwrap());
        let taught = learned(Some(&by_id), &receipt(Some("16505551234"), Some("US.1"))).unwrap();
        assert_eq!(taught.ids.phone.as_deref(), Some("16505551234"));
        assert_eq!(taught.ids.bsuid.as_deref(), Some("US.1"));
        let by_phone = phone("16505551234");
        let taught = learned(Some(&by_phone), &receipt(None, Some("US.1"))).unwrap();
        assert_eq!(taught.ids.bsuid.as_deref(), Some("US.1"));
    }
}
