//! WhatsApp Business Accounts.

pub(crate) mod phone_numbers;
pub(crate) mod subscribe;
