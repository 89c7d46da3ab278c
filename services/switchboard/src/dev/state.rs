//! What one run leaves to the next: secrets, and the demo tenant. Readable by its owner only.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use sb_config::Settings;
use serde::{Deserialize, Serialize};

/// Secrets of this installation.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    vault_keys: String,
    api_key_pepper: String,
    operator_key: String,
    internal_key: String,
    pub(crate) tenant: Option<DemoTenant>,
}

/// The tenant that `dev` makes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DemoTenant {
    pub(crate) organization_id: String,
    pub(crate) api_key: String,
}

impl State {
    pub(crate) fn load_or_make(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("state.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "reading {}; `switchboard dev --fresh` starts over",
                    path.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let state = Self::make()?;
                state.save(directory)?;
                Ok(state)
            }
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn make() -> anyhow::Result<Self> {
        let random = || anyhow::Ok(sb_http::ApiKeySecret::generate()?.expose().to_owned());
        Ok(Self {
            vault_keys: sb_vault::generate_key_setting("dev")?,
            api_key_pepper: random()?,
            operator_key: random()?,
            internal_key: random()?,
            tenant: None,
        })
    }

    pub(crate) fn save(&self, directory: &Path) -> anyhow::Result<()> {
        write_private(
            &directory.join("state.json"),
            &serde_json::to_vec_pretty(self)?,
        )
    }

    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.vault.keys = self.vault_keys.as_str().into();
        settings.gateway.api_key_pepper = self.api_key_pepper.as_str().into();
        settings.gateway.operator_key = self.operator_key.as_str().into();
        settings.manager.internal_key = self.internal_key.as_str().into();
        // The simulator is the only Meta there is here.
        settings.meta.app_id.clone_from(&settings.simulator.app_id);
        settings.meta.app_secret = settings.simulator.app_secret.as_str().into();
        settings.meta.verify_token = settings.simulator.verify_token.as_str().into();
        settings.meta.system_user_access_token = settings.simulator.access_token.as_str().into();
    }
}

/// Writes a file that only its owner can read, all of it or nothing.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unfinished = path.with_extension("tmp");
    let write = || {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}
