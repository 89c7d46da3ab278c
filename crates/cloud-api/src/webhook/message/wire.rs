//! Edits and revocations as they come.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::scalar;

#[derive(Deserialize)]
pub(super) struct WireRevokeMessage<'a> {
    #[serde(borrow)]
    pub(super) revoke: WireRevoke<'a>,
}

#[derive(Deserialize)]
pub(super) struct WireRevoke<'a> {
    #[serde(borrow)]
    pub(super) original_message_id: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct WireEditMessage<'a> {
    #[serde(borrow)]
    pub(super) edit: WireEdit<'a>,
}

#[derive(Deserialize)]
pub(super) struct WireEdit<'a> {
    #[serde(borrow)]
    pub(super) original_message_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) message: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct WireInner<'a> {
    #[serde(
        borrow,
        default,
        rename = "type",
        deserialize_with = "scalar::optional"
    )]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) context: Option<&'a RawValue>,
}
