//! ARCHITECTURE.md and these tests tell the same stories.

use anyhow::{Context, ensure};
use e2e::repository;

/// The sources of the walkthroughs.
const SOURCES: [&str; 7] = [
    include_str!("files_arrive.rs"),
    include_str!("flows.rs"),
    include_str!("people_write.rs"),
    include_str!("starting.rs"),
    include_str!("tenants_send.rs"),
    include_str!("numbers_and_files.rs"),
    include_str!("who_is_who.rs"),
];

fn snake_case(heading: &str) -> String {
    let words: Vec<String> = heading
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("_")
}

#[test]
fn every_walkthrough_of_the_architecture_has_its_test() -> anyhow::Result<()> {
    let path = repository().join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let section = text
        .split("\n## Walkthroughs\n")
        .nth(1)
        .context("no section Walkthroughs")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let headings: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    ensure!(
        !headings.is_empty(),
        "the section Walkthroughs has no headings"
    );
    for heading in headings {
        let function = format!("async fn {}()", snake_case(heading));
        ensure!(
            SOURCES.iter().any(|source| source.contains(&function)),
            "{heading:?} has no test `{function}`"
        );
    }
    Ok(())
}
