//! Between Markdown, which models and people who write for the web use, and WhatsApp's own marks.
//!
//! # Source
//! WhatsApp Help Center, "How to format your messages", 2026: `*bold*`, `_italic_`, `~struck out~`, `` `code` ``, three
//! backticks around a block, `> ` before a quote, `* ` or `- ` and `1. ` before items.

mod from_whatsapp;
mod to_whatsapp;

pub use from_whatsapp::to_markdown;
pub use to_whatsapp::to_whatsapp;
