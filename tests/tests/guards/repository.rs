//! The repository's files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::lexer::{Lexed, Literal, lex};

/// A Rust file of ours.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the repository.
    pub(crate) path: String,
    lexed: Lexed,
}

static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| {
    let mut files = Vec::new();
    for path in walk(&["crates", "services", "tests"], "rs") {
        let text = read(&path);
        files.push(SourceFile {
            lexed: lex(&text),
            path,
        });
    }
    assert!(
        files.len() > 200,
        "only {} Rust files were found",
        files.len()
    );
    files
});

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every Rust file of crates, services and tests.
pub(crate) fn rust_files() -> &'static [SourceFile] {
    &FILES
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether the repository has such a file.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// Files with an extension below folders, sorted, without what tools put there.
pub(crate) fn walk(folders: &[&str], extension: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.')
                    && !["target", "node_modules", "__pycache__"].contains(&name.as_str())
                {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                let relative = path.strip_prefix(root()).unwrap();
                found.insert(relative.to_string_lossy().into_owned());
            }
        }
    }
    found.into_iter().collect()
}

/// The folders directly below `folder`, which hold one package each.
pub(crate) fn packages(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| exists(&format!("{folder}/{name}/Cargo.toml")))
        .collect();
    names.sort();
    names
}

/// Fails with everything that was found, if anything was.
#[track_caller]
pub(crate) fn nothing(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}

impl SourceFile {
    /// The code without comments; characters of literals are `~`.
    pub(crate) fn code(&self) -> &str {
        &self.lexed.code
    }

    /// The string literals.
    pub(crate) fn literals(&self) -> &[Literal] {
        &self.lexed.literals
    }

    /// Nothing but the comments.
    pub(crate) fn comments(&self) -> &str {
        &self.lexed.comments
    }

    /// Lines that hold code.
    pub(crate) fn code_lines(&self) -> usize {
        let lines = self.code().lines();
        lines.filter(|line| !line.trim().is_empty()).count()
    }

    /// It is compiled for tests only.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.starts_with("crates/testkit/")
    }

    /// Numbered lines of its code that are compiled for tests only.
    pub(crate) fn test_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let first = if self.is_test() {
            1
        } else {
            self.first_test_line()
        };
        self.numbered().filter(move |(line, _)| *line >= first)
    }

    /// Numbered lines of its code that are part of the product.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let first = if self.is_test() {
            1
        } else {
            self.first_test_line()
        };
        self.numbered().filter(move |(line, _)| *line < first)
    }

    /// Unit tests stand at the bottom of a file.
    fn first_test_line(&self) -> usize {
        let attribute = self
            .numbered()
            .find(|(_, code)| code.trim() == "#[cfg(test)]");
        attribute.map_or(usize::MAX, |(line, _)| line)
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code().lines())
    }
}

/// Whether `code` holds `word` with no letter, digit or `_` beside it.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
