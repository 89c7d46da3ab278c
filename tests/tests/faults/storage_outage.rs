//! The storage of files is away, and the process that fetches files dies meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use e2e::{Processes, ServiceName, Traffic, TrafficPlan, Victim, until};
use serde_json::json;

const FILES: usize = 60;
const QUESTIONS: TrafficPlan = TrafficPlan {
    phones: 10,
    rounds: 2,
};
const PATIENCE: Duration = Duration::from_mins(2);

/// A folder of files that can be taken away.
struct Storage {
    root: PathBuf,
    aside: PathBuf,
}

impl Storage {
    fn take_away(&self) -> anyhow::Result<()> {
        std::fs::rename(&self.root, &self.aside)?;
        // Somebody who is root may make folders anywhere, but not below a file.
        std::fs::write(&self.root, "away").context("taking the storage away")
    }

    fn give_back(&self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.root)?;
        std::fs::rename(&self.aside, &self.root).context("giving the storage back")
    }
}

fn files_below(folder: &Path) -> anyhow::Result<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files += if entry.file_type()?.is_dir() {
            files_below(&entry.path())?
        } else {
            1
        };
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_wait_for_their_storage_and_hold_up_no_message() -> anyhow::Result<()> {
    let folder = tempfile::TempDir::new()?;
    let storage = Storage {
        root: folder.path().join("files"),
        aside: folder.path().join("aside"),
    };
    let root = storage.root.to_str().context("a folder without a name")?;
    let mut stage = Processes::start(&[("SWITCHBOARD__MEDIA__ROOT", root)]).await?;
    let outcome = go_without(&mut stage, &storage).await;
    stage.explained(outcome)
}

async fn go_without(stage: &mut Processes, storage: &Storage) -> anyhow::Result<()> {
    let tenant = stage.tenants.first().context("there is no tenant")?;
    let number = tenant.phone_number_id().to_owned();
    storage.take_away()?;
    for index in 0..FILES {
        let document = json!({
            "data": hex_text(index), "mime_type": "text/plain", "filename": "note.txt",
        });
        let message =
            json!({ "phone_number_id": number, "type": "document", "document": document });
        let phone = format!("4915180000{index:03}");
        stage.meta.phone_sends(&phone, &message).await?;
    }
    // Everybody else is answered.
    let questions = Traffic::start(stage, QUESTIONS)?.finish().await?;
    ensure!(
        questions.len() == QUESTIONS.messages(),
        "a question got lost"
    );

    let webhook = Victim::Service(ServiceName::WhatsappWebhook);
    stage.kill9(webhook).await?;
    // A service does not start without its storage: the orchestrator goes on trying.
    storage.give_back()?;
    stage.restart(webhook).await?;
    let pool = stage.pool.clone();
    let wanted = i64::try_from(FILES)?;
    until("every file is stored", PATIENCE, async || {
        let (stored, failed): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE state = 'stored'), count(*) FILTER (WHERE state = 'failed') FROM media",
        )
        .fetch_one(&pool)
        .await?;
        ensure!(failed == 0, "{failed} files were given up");
        Ok(stored == wanted)
    })
    .await?;
    let kept = files_below(&storage.root)?;
    ensure!(kept == FILES, "{kept} objects for {FILES} files");
    Ok(())
}

/// Different bytes for each, in base64: hexadecimal digits are base64 as well.
fn hex_text(index: usize) -> String {
    format!("{index:08x}")
}
