//! Voice notes: any sound becomes what WhatsApp plays as one.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::{MediaError, Spool, SpoolError, SpooledFile};

/// What a voice note is.
///
/// # Source
/// Meta, "Audio messages", 2026: OGG with the Opus codec, mono. The phone shows a play icon up to 512 KB, which is two
/// minutes at the rate below.
pub const VOICE_TYPE: &str = "audio/ogg; codecs=opus";
/// Speech needs no more.
const BITRATE: &str = "32k";
/// How long a conversion may take; an hour of sound takes some seconds.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Where a file says that it holds Opus, and with how many channels.
///
/// # Source
/// RFC 7845, section 5.1; RFC 3533, section 6.
const OPUS_HEAD: &[u8] = b"OpusHead";
const OPUS_HEAD_AT: usize = 28;
const CHANNELS_AT: usize = 37;
const MARGIN: u64 = 64 * 1024;
/// What of the program's complaint is kept.
const COMPLAINT_MAX: usize = 400;

/// Why no voice note could be made.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The program is not there.
    #[error("running {program}: install ffmpeg, or say in media.ffmpeg where it is")]
    Program {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It can make no sound of the file.
    #[error("ffmpeg made no voice note of the file: {0}")]
    Unreadable(String),
    /// It took too long.
    #[error("ffmpeg took longer than {0:?}")]
    Timeout(Duration),
    /// The voice note is larger than Meta takes.
    #[error("the voice note would be larger than {0} bytes")]
    TooLarge(u64),
    /// Reading or writing failed.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// Whether these first bytes of a file are a voice note's already.
pub fn is_voice_note(head: &[u8]) -> bool {
    head.starts_with(b"OggS")
        && head
            .get(OPUS_HEAD_AT..)
            .is_some_and(|rest| rest.starts_with(OPUS_HEAD))
        && head.get(CHANNELS_AT) == Some(&1)
}

/// Makes a voice note of at most `limit_bytes` of a sound.
///
/// # Errors
/// [`VoiceError`]; of these only [`VoiceError::Unreadable`] and [`VoiceError::TooLarge`] are the file's fault.
pub async fn voice_note(
    program: &str,
    mut sound: SpooledFile,
    limit_bytes: u64,
) -> Result<SpooledFile, VoiceError> {
    if is_voice_note(&sound.head(CHANNELS_AT + 1).await?) && sound.size_bytes() <= limit_bytes {
        return Ok(sound);
    }
    // Some containers have their index at the end: the program needs a file that it can seek in.
    let made = tokio::task::spawn_blocking(|| {
        let input = tempfile::Builder::new().prefix("sound-").tempfile()?;
        let handle = input.reopen()?;
        Ok((input, handle))
    });
    let (input, handle) = made
        .await
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(MediaError::spool("creating"))?;
    copy(&mut sound, handle).await?;
    let mut command = Command::new(program);
    command
        .args(["-hide_banner", "-loglevel", "error", "-nostdin"])
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(input.path())
        .args(["-vn", "-map", "0:a:0", "-map_metadata", "-1"])
        .args(["-ac", "1", "-ar", "48000", "-c:a", "libopus"])
        .args(["-b:a", BITRATE, "-application", "voip"])
        // A little more than is taken, so that what is too large is seen and not cut.
        .args(["-fs", &limit_bytes.saturating_add(MARGIN).to_string()])
        .args(["-f", "ogg", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let running = command.spawn().map_err(|source| VoiceError::Program {
        program: program.to_owned(),
        source,
    })?;
    let ended = tokio::time::timeout(TIMEOUT, running.wait_with_output()).await;
    let output = ended
        .map_err(|_| VoiceError::Timeout(TIMEOUT))?
        .map_err(MediaError::spool("converting"))?;
    if !output.status.success() || output.stdout.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        // Without the path of the temporary file.
        let said = said.replace(&*input.path().to_string_lossy(), "the file");
        return Err(VoiceError::Unreadable(
            said.trim().chars().take(COMPLAINT_MAX).collect(),
        ));
    }
    spooled(&output.stdout, limit_bytes).await
}

async fn copy(sound: &mut SpooledFile, to: std::fs::File) -> Result<(), MediaError> {
    const PIECE: usize = 256 * 1024;
    let mut to = tokio::fs::File::from_std(to);
    sound.rewind().await?;
    loop {
        let piece: Bytes = sound.next(PIECE).await?;
        if piece.is_empty() {
            return to.flush().await.map_err(MediaError::spool("writing"));
        }
        to.write_all(&piece)
            .await
            .map_err(MediaError::spool("writing"))?;
    }
}

async fn spooled(bytes: &[u8], limit_bytes: u64) -> Result<SpooledFile, VoiceError> {
    let mut spool = Spool::new(limit_bytes).await?;
    spool.write(bytes).await.map_err(|error| match error {
        SpoolError::TooMany(_) => VoiceError::TooLarge(limit_bytes),
        SpoolError::Media(error) => VoiceError::Media(error),
    })?;
    Ok(spool.finish().await?)
}

#[cfg(test)]
mod tests {
    use sb_testkit::{has_ffmpeg, wav};

    use super::*;

    async fn sound(bytes: &[u8]) -> SpooledFile {
        spooled(bytes, 1024 * 1024).await.unwrap()
    }

    #[tokio::test]
    async fn a_sound_becomes_a_voice_note() {
        if !has_ffmpeg() {
            return;
        }
        let mut note = voice_note("ffmpeg", sound(&wav()).await, 1024 * 1024)
            .await
            .unwrap();
        let head = note.head(64).await.unwrap();
        assert!(is_voice_note(&head));
        assert!(!is_voice_note(&wav()));
        let sha256 = note.sha256();
        let again = voice_note("no-such-ffmpeg", note, 1024 * 1024).await;
        assert_eq!(again.unwrap().sha256(), sha256);
    }

    #[tokio::test]
    async fn what_is_no_sound_is_refused_and_says_why() {
        if !has_ffmpeg() {
            return;
        }
        let refused = voice_note("ffmpeg", sound(b"no sound at all").await, 1024).await;
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, VoiceError::Unreadable(said) if !said.is_empty()),
            "{error}"
        );
        let large = voice_note("ffmpeg", sound(&wav()).await, 100).await;
        assert!(matches!(large, Err(VoiceError::TooLarge(100))));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let missing = voice_note("no-such-ffmpeg", sound(&wav()).await, 1024).await;
        let said = missing.unwrap_err().to_string();
        assert!(
            said.starts_with("running no-such-ffmpeg: install ffmpeg"),
            "{said}"
        );
    }
}
