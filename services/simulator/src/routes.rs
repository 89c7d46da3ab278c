//! Everything the one listener answers.

use actix_multipart::form::MultipartFormConfig;
use actix_web::web;

use crate::graph::error::GraphError;
use crate::{control, graph, llm, page};

/// JSON bodies of the Graph API.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// The largest file Meta takes is a document of 100 MB.
const MAX_UPLOAD_BYTES: usize = 102 * 1024 * 1024;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let uploads = MultipartFormConfig::default()
        .total_limit(MAX_UPLOAD_BYTES)
        .memory_limit(MAX_UPLOAD_BYTES)
        .error_handler(|error, _| GraphError::parameter(&error.to_string()).into());
    config
        .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
        .app_data(uploads)
        .configure(control::configure)
        .configure(llm::endpoints::configure)
        .configure(page::configure)
        .configure(graph::configure);
}
