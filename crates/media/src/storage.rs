//! Which storage `media.root` names.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, Error, ObjectStore, RetryConfig};
use sb_config::MediaSettings;
use url::Url;

use crate::MediaError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the storage may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Who asked tries again too, and later.
const RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// Opens the storage, making the folder if it is one.
///
/// # Errors
/// [`MediaError::Folder`], [`MediaError::UnknownStorage`] or [`MediaError::Open`].
pub(crate) fn open(settings: &MediaSettings) -> Result<Arc<dyn ObjectStore>, MediaError> {
    let root = &settings.root;
    let unknown = || MediaError::UnknownStorage { root: root.clone() };
    if !root.contains("://") {
        return folder(root);
    }
    let url = Url::parse(root).map_err(|_| unknown())?;
    if url.scheme() == "file" {
        let path = url.to_file_path().map_err(|()| unknown())?;
        return folder(path.to_str().ok_or_else(unknown)?);
    }
    let bucket = url.host_str().filter(|host| !host.is_empty());
    let bucket = bucket.ok_or_else(unknown)?;
    sb_egress::install_crypto();
    let opened = match url.scheme() {
        "s3" => s3(settings, bucket),
        "gs" => gcs(settings, bucket),
        "az" => azure(settings, bucket),
        _ => return Err(unknown()),
    };
    let objects = opened.map_err(|source| MediaError::Open {
        root: root.clone(),
        source,
    })?;
    let prefix = url.path().trim_matches('/');
    Ok(if prefix.is_empty() {
        objects
    } else {
        Arc::new(PrefixStore::new(objects, prefix))
    })
}

fn folder(root: &str) -> Result<Arc<dyn ObjectStore>, MediaError> {
    std::fs::create_dir_all(root).map_err(|source| MediaError::Folder {
        root: root.to_owned(),
        source,
    })?;
    let local = LocalFileSystem::new_with_prefix(root).map_err(|source| MediaError::Open {
        root: root.to_owned(),
        source,
    })?;
    // A row that names a file must not outlive it after a power failure.
    Ok(Arc::new(local.with_fsync(true)))
}

/// A file may take longer than any fixed time; a storage that says nothing may not.
fn client(settings: &MediaSettings) -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout_disabled()
        .with_read_timeout(READ_TIMEOUT)
        .with_allow_http(settings.endpoint.starts_with("http://"))
}

fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    }
}

/// What is not set comes from the variables the platform gives a process: that is how roles and workload identities
/// reach it, and no setting of ours.
fn s3(settings: &MediaSettings, bucket: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(client(settings))
        .with_retry(retries());
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(&settings.endpoint);
    }
    if !settings.region.is_empty() {
        builder = builder.with_region(&settings.region);
    }
    if !settings.access_key_id.is_empty() {
        builder = builder.with_access_key_id(&settings.access_key_id);
    }
    if settings.secret_key.is_set() {
        builder = builder.with_secret_access_key(settings.secret_key.expose());
    }
    Ok(Arc::new(builder.build()?))
}

fn gcs(settings: &MediaSettings, bucket: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(client(settings))
        .with_retry(retries());
    if !settings.endpoint.is_empty() {
        builder = builder.with_base_url(&settings.endpoint);
    }
    if settings.secret_key.is_set() {
        builder = builder.with_service_account_key(settings.secret_key.expose());
    }
    Ok(Arc::new(builder.build()?))
}

fn azure(settings: &MediaSettings, container: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_client_options(client(settings))
        .with_retry(retries());
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(settings.endpoint.clone());
    }
    if !settings.access_key_id.is_empty() {
        builder = builder.with_account(&settings.access_key_id);
    }
    if settings.secret_key.is_set() {
        builder = builder.with_access_key(settings.secret_key.expose());
    }
    Ok(Arc::new(builder.build()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(root: &str) -> Result<String, String> {
        let settings = MediaSettings {
            root: root.to_owned(),
            access_key_id: "switchboard".to_owned(),
            secret_key: "c2VjcmV0".into(),
            ..MediaSettings::default()
        };
        open(&settings)
            .map(|storage| storage.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_root_is_a_folder_or_a_bucket() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a b/c");
        let path = path.to_str().unwrap();
        assert!(opened(path).unwrap().starts_with("LocalFileSystem"));
        let url = format!("file://{}", path.replace(' ', "%20"));
        assert!(
            opened(&url).unwrap().ends_with("a%20b/c)"),
            "{:?}",
            opened(&url)
        );
        assert!(opened("s3://bucket").unwrap().contains("bucket"));
        let prefixed = opened("s3://bucket/files/here/").unwrap();
        assert!(prefixed.contains("files/here"), "{prefixed}");
        assert!(opened("az://container").unwrap().contains("container"));
    }

    #[test]
    fn what_is_no_storage_is_refused_with_what_to_give() {
        for root in ["ftp://host/x", "s3://", "s3:///prefix", "://"] {
            let error = opened(root).unwrap_err();
            assert!(error.contains("give a folder"), "{root}: {error}");
        }
    }
}
