//! Cursors: opaque to the caller, bound to the list they were given out for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use sb_db::{ActivityKey, PageRequest, SequenceKey};
use sb_ids::{
    AgentId, ApiKeyId, ContactId, ContactMergeId, FlowEndpointId, NumberId, OrganizationId,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// Rows of a page when the caller names no number.
pub const PAGE_LIMIT_DEFAULT: u16 = 50;

/// Rows of a page at most.
pub const PAGE_LIMIT_MAX: u16 = 200;

/// Form of the cursor's content; another one is refused.
const VERSION: &str = "1";

/// A place in one kind of list.
pub trait CursorKey: Sized {
    /// The list, so that a cursor of another one is refused.
    const LIST: &'static str;

    /// The place as text.
    fn write(&self) -> String;

    /// Reads it back.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! id_cursor {
    ($($id:ident: $list:literal),+ $(,)?) => {$(
        impl CursorKey for $id {
            const LIST: &'static str = $list;

            fn write(&self) -> String {
                self.as_uuid().simple().to_string()
            }

            fn read(text: &str) -> Option<Self> {
                Self::parse(text).ok()
            }
        }
    )+};
}

id_cursor! {
    OrganizationId: "organizations",
    ApiKeyId: "api_keys",
    FlowEndpointId: "flow_endpoints",
    NumberId: "numbers",
    AgentId: "agents",
    ContactId: "contacts",
    ContactMergeId: "contact_merges",
}

impl CursorKey for ActivityKey {
    const LIST: &'static str = "activity";

    fn write(&self) -> String {
        format!("{}.{}", self.at.timestamp_micros(), self.id.simple())
    }

    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        Some(Self {
            at: DateTime::from_timestamp_micros(micros.parse().ok()?)?,
            id: Uuid::try_parse(id).ok()?,
        })
    }
}

impl CursorKey for SequenceKey {
    const LIST: &'static str = "sequence";

    fn write(&self) -> String {
        self.0.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| *n >= 0).map(Self)
    }
}

/// The cursor of a place.
pub fn encode_cursor<K: CursorKey>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(format!("{VERSION}:{}:{}", K::LIST, key.write()))
}

/// Reads a cursor.
///
/// # Errors
/// `cursor.invalid` for garbage, and for a cursor of another list or release.
pub fn decode_cursor<K: CursorKey>(text: &str) -> Result<K, Problem> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = String::from_utf8(bytes).ok()?;
        let (version, rest) = plain.split_once(':')?;
        let (list, place) = rest.split_once(':')?;
        (version == VERSION && list == K::LIST).then(|| K::read(place))?
    };
    read().ok_or_else(|| {
        Problem::new(Code::CursorInvalid)
            .detail("pass `paging.after` of the page before unchanged, to the same list")
    })
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows at most, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `paging.after` of the page before.
    pub after: Option<String>,
}

impl PageQuery {
    /// Checks it for one kind of list.
    ///
    /// # Errors
    /// `request.invalid_parameter` and `cursor.invalid`.
    pub fn request<K: CursorKey>(&self) -> Result<PageRequest<K>, Problem> {
        let limit = self.limit.unwrap_or(PAGE_LIMIT_DEFAULT);
        if !(1..=PAGE_LIMIT_MAX).contains(&limit) {
            return Err(Problem::new(Code::RequestInvalidParameter)
                .detail(format!("limit must be 1 to {PAGE_LIMIT_MAX}")));
        }
        let after = self.after.as_deref().map(decode_cursor).transpose()?;
        Ok(PageRequest { limit, after })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = encode_cursor(&SequenceKey(7));
        assert_eq!(
            decode_cursor::<SequenceKey>(&cursor).unwrap(),
            SequenceKey(7)
        );
        let problem = decode_cursor::<NumberId>(&cursor).unwrap_err();
        assert_eq!(problem.code(), Code::CursorInvalid);
    }

    #[test]
    fn a_page_has_a_sane_size() {
        let limit = |limit| {
            let query = PageQuery { limit, after: None };
            query.request::<SequenceKey>().map(|r| r.limit)
        };
        assert_eq!(limit(None).unwrap(), PAGE_LIMIT_DEFAULT);
        assert!(limit(Some(0)).is_err() && limit(Some(201)).is_err());
    }

    proptest! {
        #[test]
        fn every_place_comes_back(micros in 0_i64..4_000_000_000_000_000, id: u128, sequence in 0_i64..) {
            let key = ActivityKey {
                at: DateTime::from_timestamp_micros(micros).unwrap(),
                id: Uuid::from_u128(id),
            };
            prop_assert_eq!(decode_cursor::<ActivityKey>(&encode_cursor(&key)).unwrap(), key);
            let key = SequenceKey(sequence);
            prop_assert_eq!(decode_cursor::<SequenceKey>(&encode_cursor(&key)).unwrap(), key);
        }

        #[test]
        fn garbage_is_refused_without_a_panic(text in ".*", bytes: Vec<u8>) {
            prop_assert!(decode_cursor::<ActivityKey>(&text).is_err());
            let encoded = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert!(decode_cursor::<NumberId>(&encoded).is_err());
        }

        #[test]
        fn a_cursor_with_the_right_head_and_any_place_does_not_panic(place in ".*") {
            let text = URL_SAFE_NO_PAD.encode(format!("1:activity:{place}"));
            let _ = decode_cursor::<ActivityKey>(&text);
        }
    }
}
