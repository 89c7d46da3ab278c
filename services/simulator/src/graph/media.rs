//! Upload, links that expire, download, deletion.

use actix_multipart::form::MultipartForm;
use actix_multipart::form::bytes::Bytes as BytesField;
use actix_multipart::form::text::Text;
use actix_web::{HttpResponse, web};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{self, Bearer, Caller};
use super::error::GraphError;
use crate::state::Simulator;
use crate::state::faults::MediaTrouble;
use crate::state::media::{Media, limit};

/// Where links point, as at Meta.
pub(crate) const DOWNLOAD_PATH: &str = "/whatsapp_business/attachments/";
/// Life of a link, in seconds.
///
/// # Source
/// Meta, "Media": the URL is valid for 5 minutes.
const LINK_SECONDS: i64 = 300;

/// Fields of an upload.
#[derive(Debug, MultipartForm)]
pub(crate) struct Upload {
    #[multipart(limit = "101MB")]
    file: Option<BytesField>,
    #[multipart(rename = "type")]
    kind: Option<Text<String>>,
    messaging_product: Option<Text<String>>,
}

/// Takes a file.
pub(crate) async fn upload(
    caller: Caller,
    path: web::Path<(String, String)>,
    MultipartForm(form): MultipartForm<Upload>,
) -> Result<HttpResponse, GraphError> {
    let (_, number_id) = path.into_inner();
    caller
        .simulator
        .read(|state| caller.number(state, "post", &number_id))?;
    caller.gate(&number_id).await?;
    if form.messaging_product.as_deref().map(String::as_str) != Some("whatsapp") {
        let reason = "The parameter messaging_product is required.";
        return Err(GraphError::parameter(reason));
    }
    let file = form
        .file
        .ok_or_else(|| GraphError::parameter("The parameter file is required."))?;
    let mime_type = form
        .kind
        .map(Text::into_inner)
        .filter(|kind| kind.contains('/'))
        .or_else(|| file.content_type.as_ref().map(ToString::to_string))
        .ok_or_else(|| GraphError::parameter("The parameter type is required."))?;
    check_file(&mime_type, file.data.len())?;
    let id = caller.simulator.change(|state, _| {
        let id = state.ids.numeric();
        state.media.insert(Media {
            id: id.clone(),
            number_id,
            mime_type,
            filename: file.file_name,
            bytes: file.data,
        });
        id
    });
    Ok(HttpResponse::Ok().json(json!({ "id": id })))
}

fn check_file(mime_type: &str, size: usize) -> Result<(), GraphError> {
    let Some((kind, max)) = limit(mime_type) else {
        return Err(GraphError::parameter(&format!(
            "Param file must be a file with one of the types Meta supports. Received file of \
             type '{mime_type}'."
        )));
    };
    if size > max {
        let details = format!("{kind} files may have at most {max} bytes, this one has {size}");
        return Err(GraphError::new(131_053).details(details));
    }
    if size == 0 {
        return Err(GraphError::new(131_053).details("the file is empty"));
    }
    Ok(())
}

/// `GET /{media}`: a fresh link.
pub(super) fn describe(caller: &Caller, id: &str) -> Option<Value> {
    let simulator = &caller.simulator;
    let (media, waba) = simulator.read(|state| {
        let media = state.media.get(id)?;
        let number = state.accounts.numbers.get(&media.number_id);
        let waba = number.map(|number| number.waba_id.clone());
        Some((media.clone(), waba))
    })?;
    if !waba.is_none_or(|waba| caller.token.reaches(&waba)) {
        return None;
    }
    let described = [
        MediaTrouble::ExpiredLink,
        MediaTrouble::WrongHash,
        MediaTrouble::Gone,
    ];
    let trouble = simulator.change(|state, _| {
        let faults = &mut state.faults;
        faults.trouble_media(&media.number_id, &described)
    });
    if trouble == Some(MediaTrouble::Gone) {
        return None;
    }
    let life = if trouble == Some(MediaTrouble::ExpiredLink) {
        -1
    } else {
        LINK_SECONDS
    };
    let sha256 = if trouble == Some(MediaTrouble::WrongHash) {
        "00".repeat(32)
    } else {
        media.sha256_hex()
    };
    Some(json!({
        "messaging_product": "whatsapp",
        "url": link_for(simulator, &caller.base_url, id, life),
        "mime_type": media.mime_type,
        "sha256": sha256,
        "file_size": media.bytes.len(),
        "id": id,
    }))
}

/// A link to a file, good for five minutes.
pub(crate) fn link(simulator: &Simulator, base_url: &str, id: &str) -> String {
    link_for(simulator, base_url, id, LINK_SECONDS)
}

fn link_for(simulator: &Simulator, base_url: &str, id: &str, life_seconds: i64) -> String {
    let expires = simulator.now().timestamp() + life_seconds;
    let hash = signature(simulator, id, expires);
    format!("{base_url}{DOWNLOAD_PATH}?mid={id}&ext={expires}&hash={hash}")
}

fn signature(simulator: &Simulator, id: &str, expires: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, simulator.link_key());
    hex::encode(hmac::sign(&key, format!("{id}.{expires}").as_bytes()))
}

/// Query of a link.
#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    mid: String,
    ext: i64,
    hash: String,
}

/// The file behind a link. Whatever is wrong, Meta answers 404.
pub(crate) async fn download(
    Bearer(token): Bearer,
    simulator: web::Data<Simulator>,
    link: Option<web::Query<Link>>,
) -> HttpResponse {
    let now = simulator.now();
    let file = link.and_then(|web::Query(link)| {
        let token = token.as_deref()?;
        let good =
            link.ext >= now.timestamp() && link.hash == signature(&simulator, &link.mid, link.ext);
        simulator.read(|state| {
            access::check(state, token, now).ok()?;
            state.media.get(&link.mid).filter(|_| good).cloned()
        })
    });
    let is_out = file.as_ref().is_some_and(|file| {
        simulator.change(|state, _| {
            let faults = &mut state.faults;
            let trouble = faults.trouble_media(&file.number_id, &[MediaTrouble::Outage]);
            trouble.is_some()
        })
    });
    match file {
        Some(_) if is_out => HttpResponse::ServiceUnavailable().finish(),
        Some(file) => serve(&file),
        None => HttpResponse::NotFound().finish(),
    }
}

/// The bytes with their type, never to be sniffed or run by a browser.
pub(crate) fn serve(file: &Media) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header(("Content-Type", file.mime_type.clone()))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Content-Security-Policy", "default-src 'none'; sandbox"));
    if let Some(name) = &file.filename {
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || *c == ' ')
            .collect();
        let disposition = format!("inline; filename=\"{name}\"");
        response.insert_header(("Content-Disposition", disposition));
    }
    response.body(file.bytes.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_limits_follow_the_kind() {
        assert!(check_file("image/png", 5 * 1024 * 1024).is_ok());
        let error = check_file("image/png", 5 * 1024 * 1024 + 1).unwrap_err();
        assert_eq!(error.code(), 131_053);
        assert_eq!(check_file("text/html", 1).unwrap_err().code(), 100);
    }
}
