//! Versions stand in one place, and every package takes its settings from the workspace.

use crate::repository::{exists, has_word, nothing, packages, read, rust_files};

fn manifests() -> Vec<String> {
    let mut paths = vec!["tests/Cargo.toml".to_owned()];
    for folder in ["crates", "services"] {
        let packages = packages(folder).into_iter();
        paths.extend(packages.map(|name| format!("{folder}/{name}/Cargo.toml")));
    }
    paths
}

#[test]
fn versions_of_dependencies_stand_in_the_workspace_only() {
    let mut found = Vec::new();
    for path in manifests() {
        let mut is_dependency = false;
        for line in read(&path).lines() {
            if let Some(section) = line.strip_prefix('[') {
                is_dependency = section.contains("dependencies");
                continue;
            }
            let is_taken = line.contains(".workspace = true") || line.contains("workspace = true");
            if is_dependency && line.contains('=') && !is_taken {
                found.push(format!("{path}: {line}"));
            }
        }
    }
    nothing(
        "dependencies that do not come from [workspace.dependencies]",
        &found,
    );
}

#[test]
fn every_package_has_the_workspaces_lints_and_edition() {
    let mut found = Vec::new();
    for path in manifests() {
        let text = read(&path);
        for line in [
            "[lints]\nworkspace = true",
            "edition.workspace = true",
            "publish.workspace = true",
        ] {
            if !text.contains(line) {
                found.push(format!("{path}: {line}"));
            }
        }
    }
    nothing("lines that are missing", &found);
}

#[test]
fn packages_are_named_after_their_folders() {
    for folder in packages("crates") {
        assert!(
            read(&format!("crates/{folder}/Cargo.toml"))
                .contains(&format!("name = \"sb-{folder}\""))
        );
    }
    for folder in packages("services") {
        assert!(
            read(&format!("services/{folder}/Cargo.toml"))
                .contains(&format!("name = \"{folder}\""))
        );
    }
}

#[test]
fn third_parties_of_the_workspace_are_sorted() {
    let text = read("Cargo.toml");
    let section = text.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let third_parties = section.split("# third parties").nth(1).unwrap();
    let names: Vec<&str> = third_parties
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains('='))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted, "the third parties are not sorted");
}

/// The text of everything a package compiles; the product's alone, or with its tests.
fn code_of(folder: &str, with_tests: bool) -> String {
    let prefix = format!("{folder}/");
    let mut code = String::new();
    for file in rust_files()
        .iter()
        .filter(|file| file.path.starts_with(&prefix))
    {
        let tests = file.test_lines().filter(|_| with_tests);
        for (_, line) in file.product_lines().chain(tests) {
            code.push_str(line);
            code.push('\n');
        }
    }
    let readme = format!("{folder}/README.md");
    if with_tests && exists(&readme) {
        code.push_str(&read(&readme));
    }
    code
}

#[test]
fn no_package_lists_what_it_does_not_use() {
    let mut found = Vec::new();
    for path in manifests() {
        let folder = path.trim_end_matches("/Cargo.toml");
        let is_for_tests = ["tests", "crates/testkit"].contains(&folder);
        let (product, all) = (code_of(folder, is_for_tests), code_of(folder, true));
        let mut section = String::new();
        for line in read(&path).lines() {
            if line.starts_with('[') {
                line.clone_into(&mut section);
                continue;
            }
            let code = match section.as_str() {
                "[dependencies]" | "[build-dependencies]" => &product,
                "[dev-dependencies]" => &all,
                _ => continue,
            };
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !name.is_empty() && !has_word(code, &name.replace('-', "_")) {
                found.push(format!("{path}: {section} {name}"));
            }
        }
    }
    nothing("dependencies that are not used", &found);
}

#[test]
fn every_dependency_of_the_workspace_is_used_by_somebody() {
    let text = read("Cargo.toml");
    let section = text.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let packages: Vec<String> = manifests().iter().map(|path| read(path)).collect();
    let found: Vec<String> = section
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains('='))
        .filter_map(|line| line.split(' ').next())
        .filter(|name| {
            let line = format!("\n{name}.workspace = true");
            !packages.iter().any(|package| package.contains(&line))
        })
        .map(str::to_owned)
        .collect();
    nothing("lines of [workspace.dependencies] that nobody uses", &found);
}
