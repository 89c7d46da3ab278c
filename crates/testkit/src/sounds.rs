//! Sounds for tests, and what converts them.

/// One second of silence: 8000 samples of 8 bits.
pub fn wav() -> Vec<u8> {
    let samples = vec![128_u8; 8_000];
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&8_036_u32.to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    for number in [1_u16, 1] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    for number in [8_000_u32, 8_000] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    for number in [1_u16, 8] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&8_000_u32.to_le_bytes());
    file.extend_from_slice(&samples);
    file
}

/// The program may be missing on a machine that nobody may install anything on.
pub fn has_ffmpeg() -> bool {
    let asked = std::process::Command::new("ffmpeg")
        .arg("-version")
        .output();
    asked.is_ok_and(|output| output.status.success())
}
