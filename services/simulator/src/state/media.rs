//! Uploaded and received files, bounded by total size.

use std::collections::{HashMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::digest;

/// All files together; the oldest go first.
const MAX_TOTAL_BYTES: usize = 256 * 1024 * 1024;

/// A file and what Meta says about it.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    pub(crate) id: String,
    pub(crate) number_id: String,
    pub(crate) mime_type: String,
    pub(crate) filename: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Media {
    /// SHA-256 in lowercase hex, as `GET /{media_id}` prints it.
    pub(crate) fn sha256_hex(&self) -> String {
        hex::encode(digest::digest(&digest::SHA256, &self.bytes))
    }

    /// SHA-256 in base64, as webhooks print it.
    pub(crate) fn sha256_base64(&self) -> String {
        STANDARD.encode(digest::digest(&digest::SHA256, &self.bytes))
    }
}

/// All files.
#[derive(Debug, Clone, Default)]
pub(crate) struct MediaStore {
    by_id: HashMap<String, Media>,
    order: VecDeque<String>,
    total: usize,
}

impl MediaStore {
    pub(crate) fn insert(&mut self, media: Media) {
        self.total += media.bytes.len();
        self.order.push_back(media.id.clone());
        self.by_id.insert(media.id.clone(), media);
        while self.total > MAX_TOTAL_BYTES
            && self.order.len() > 1
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(&oldest);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Media> {
        self.by_id.get(id)
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.order.retain(|kept| kept != id);
        self.forget(id)
    }

    fn forget(&mut self, id: &str) -> bool {
        self.by_id.remove(id).is_some_and(|media| {
            self.total -= media.bytes.len();
            true
        })
    }
}

/// What may be uploaded under a MIME type: kind and size limit.
///
/// # Source
/// Meta, "Media", supported media types.
pub(crate) fn limit(mime_type: &str) -> Option<(&'static str, usize)> {
    const MIB: usize = 1024 * 1024;
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    match essence {
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" => {
            Some(("audio", 16 * MIB))
        }
        "video/mp4" | "video/3gp" | "video/3gpp" => Some(("video", 16 * MIB)),
        "image/jpeg" | "image/png" => Some(("image", 5 * MIB)),
        "image/webp" => Some(("sticker", 500 * 1024)),
        "text/plain"
        | "application/pdf"
        | "application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        | "application/vnd.openxmlformats-officedocument.presentationml.presentation" => {
            Some(("document", 100 * MIB))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_file_leaves_when_memory_is_full() {
        let mut store = MediaStore::default();
        let file = |id: &str, size: usize| Media {
            id: id.to_owned(),
            number_id: "1".to_owned(),
            mime_type: "text/plain".to_owned(),
            filename: None,
            bytes: Bytes::from(vec![0; size]),
        };
        store.insert(file("a", MAX_TOTAL_BYTES / 2));
        store.insert(file("b", MAX_TOTAL_BYTES / 2));
        store.insert(file("c", 1));
        assert!(store.get("a").is_none());
        assert!(store.get("b").is_some());
        assert!(store.remove("c"));
        assert!(!store.remove("c"));
    }

    #[test]
    fn parameters_of_a_mime_type_do_not_matter() {
        assert_eq!(limit("audio/ogg; codecs=opus").map(|l| l.0), Some("audio"));
        assert_eq!(limit("application/x-msdownload"), None);
    }
}
