//! Business phone numbers.

use sb_config::Secret;
use sb_ids::{PhoneNumberId, WabaId};
use serde::Deserialize;
use serde_json::Value;

use super::{Graph, GraphError, answer::read};

const FIELDS: &str = "id,display_phone_number,verified_name,quality_rating,\
    code_verification_status,name_status,status,platform_type,account_mode,throughput,\
    whatsapp_business_manager_messaging_limit";

const PAGE: &str = "100";

/// Far above the number of phone numbers an account can have: a cursor that never ends is cut off.
const PAGES_MAX: usize = 50;

/// A business number as Meta knows it. Words are Meta's own, since Meta adds new ones.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneNumberProfile {
    /// Meta's id.
    pub id: PhoneNumberId,
    /// The number as people write it, `+1 555-078-3881`.
    pub display_phone_number: Option<String>,
    /// The business's name on the number.
    pub verified_name: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `NA`.
    pub quality_rating: Option<String>,
    /// `VERIFIED`, `NOT_VERIFIED`, …
    pub code_verification_status: Option<String>,
    /// `APPROVED`, `PENDING_REVIEW`, …
    pub name_status: Option<String>,
    /// `CONNECTED`, `DISCONNECTED`, `FLAGGED`, …
    pub status: Option<String>,
    /// `CLOUD_API`, …
    pub platform_type: Option<String>,
    /// `LIVE` or `SANDBOX`.
    pub account_mode: Option<String>,
    /// `STANDARD` (80 messages a second) or `HIGH` (1000).
    pub throughput_level: Option<String>,
    /// `TIER_250`, `TIER_2K`, …: contacts per day outside of customer service windows.
    pub messaging_limit: Option<String>,
    /// The object as received.
    pub raw: Value,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    cursors: Option<Cursors>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}

impl Page {
    /// Where the next page starts. The link itself is not followed: it holds the token.
    fn next(self) -> Option<String> {
        let paging = self.paging?;
        paging.next?;
        paging.cursors?.after.filter(|cursor| !cursor.is_empty())
    }
}

impl PhoneNumberProfile {
    fn from_value(raw: Value) -> Option<Self> {
        let text = |pointer: &str| {
            raw.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let number = || raw.get("id").and_then(Value::as_u64);
        let id = text("/id").or_else(|| number().map(|id| id.to_string()))?;
        Some(Self {
            id: PhoneNumberId::parse(id).ok()?,
            display_phone_number: text("/display_phone_number"),
            verified_name: text("/verified_name"),
            quality_rating: text("/quality_rating"),
            code_verification_status: text("/code_verification_status"),
            name_status: text("/name_status"),
            status: text("/status"),
            platform_type: text("/platform_type"),
            account_mode: text("/account_mode"),
            throughput_level: text("/throughput/level"),
            messaging_limit: text("/whatsapp_business_manager_messaging_limit"),
            raw,
        })
    }
}

impl Graph {
    /// Reads a number's profile and status.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Business phone numbers": `GET /{phone_number_id}?fields=…`.
    pub async fn phone_number(
        &self,
        token: &Secret,
        number: &PhoneNumberId,
    ) -> Result<PhoneNumberProfile, GraphError> {
        const OPERATION: &str = "meta.phone_numbers.get";
        let request = self
            .get(token, number.as_str())
            .query(&[("fields", FIELDS)]);
        let sent = request.send(OPERATION).await;
        let raw: Value = read(OPERATION, "an object", sent).await?;
        PhoneNumberProfile::from_value(raw).ok_or(GraphError::Unreadable {
            operation: OPERATION,
            http_status: 200,
            expected: "id",
        })
    }

    /// Lists the numbers of an account, all pages. Items without a usable id are left out.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Business phone numbers": `GET /{waba}/phone_numbers`, cursor paging.
    pub async fn phone_numbers(
        &self,
        token: &Secret,
        waba: &WabaId,
    ) -> Result<Vec<PhoneNumberProfile>, GraphError> {
        const OPERATION: &str = "meta.phone_numbers.list";
        let mut numbers = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut request = self
                .get(token, &format!("{waba}/phone_numbers"))
                .query(&[("fields", FIELDS), ("limit", PAGE)]);
            if let Some(after) = &cursor {
                request = request.query(&[("after", after)]);
            }
            let sent = request.send(OPERATION).await;
            let mut page: Page = read(OPERATION, "data", sent).await?;
            let data = std::mem::take(&mut page.data);
            numbers.extend(data.into_iter().filter_map(PhoneNumberProfile::from_value));
            let next = page.next();
            if next.is_none() || next == cursor {
                break;
            }
            cursor = next;
        }
        Ok(numbers)
    }
}
