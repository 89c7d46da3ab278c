//! What must not get into the build, read from the lock file: the same as `deny.toml`, without its tool.

use crate::repository::read;

const BANNED: &[&str] = &[
    "openssl",
    "openssl-sys",
    "native-tls",
    "aws-lc-rs",
    "aws-lc-sys",
];

/// One TLS stack and one crypto provider.
const SINGLE: &[&str] = &["rustls", "ring"];

fn locked() -> Vec<(String, String)> {
    let text = read("Cargo.lock");
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key));
        line.map(|rest| rest.trim_matches([' ', '=', '"']).to_owned())
    };
    text.split("[[package]]")
        .filter_map(|block| Some((value(block, "name")?, value(block, "version")?)))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

#[test]
fn there_is_one_tls_stack_and_one_crypto_provider() {
    let locked = locked();
    assert!(locked.len() > 100, "the lock file was not understood");
    for (name, version) in &locked {
        assert!(
            !BANNED.contains(&name.as_str()),
            "{name} {version} is banned"
        );
    }
    for single in SINGLE {
        let versions: Vec<&String> = locked
            .iter()
            .filter(|(name, _)| name == single)
            .map(|(_, version)| version)
            .collect();
        assert_eq!(versions.len(), 1, "{single}: {versions:?}");
    }
}

#[test]
fn everything_comes_from_the_registry() {
    for line in read("Cargo.lock")
        .lines()
        .filter(|line| line.starts_with("source = "))
    {
        assert!(
            line.contains("registry+https://github.com/rust-lang/crates.io-index"),
            "{line}"
        );
    }
}
