//! The event catalogue says the truth about who makes and who reads what.

use std::collections::BTreeSet;

use sb_events::catalogue::{CATALOGUE, Entry};
use sb_events::consumers::{self, ConsumerSpec};
use sb_events::{Stream, Topology};
use sb_ids::{Lane, OrganizationId, Shard};
use uuid::Uuid;

use crate::repository::{exists, has_word, nothing, packages, read, rust_files};

/// Services that follow events as they come, without a durable consumer, and the call that does it.
const BY_TAP: &[(&str, &str)] = &[("gateway", ".tap(")];

/// Every specification of `sb_events::consumers` by its function.
fn specs() -> Vec<(&'static str, Vec<ConsumerSpec>)> {
    let topology = Topology::default();
    vec![
        ("ingest", vec![consumers::ingest(&topology)]),
        ("agent_turns", vec![consumers::agent_turns(&topology)]),
        ("annotations", vec![consumers::annotations(&topology)]),
        ("media", vec![consumers::media(&topology)]),
        (
            "dispatch",
            Shard::all()
                .map(|shard| consumers::dispatch(&topology, shard))
                .collect(),
        ),
    ]
}

/// NATS' own rule for `*` and `>`.
fn matches(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(pattern), Some(token)) if pattern == "*" || pattern == token => {}
            _ => return false,
        }
    }
}

/// Subjects an entry travels on.
fn subjects(entry: &Entry) -> Vec<String> {
    let topology = Topology::default();
    if entry.stream == Stream::Dispatch {
        return Shard::all()
            .map(|shard| topology.dispatch(shard).as_str().to_owned())
            .collect();
    }
    let domain = entry.name.split('.').nth(1).unwrap();
    let (organization, lane) = (
        OrganizationId::from_uuid(Uuid::nil()),
        Lane::of(Uuid::nil()),
    );
    if entry.stream == Stream::Media {
        return vec![topology.media(organization, lane).as_str().to_owned()];
    }
    vec![
        topology
            .event(domain, organization, lane)
            .as_str()
            .to_owned(),
    ]
}

fn short(entry: &Entry) -> &'static str {
    entry.name.rsplit('.').next().unwrap()
}

/// The package in `<package>--<what>`.
fn package_of(spec: &ConsumerSpec) -> &str {
    spec.name.split("--").next().unwrap()
}

fn source_of(package: &str) -> String {
    let prefix = format!("services/{package}/src/");
    let files = rust_files()
        .iter()
        .filter(|file| file.path.starts_with(&prefix));
    let parts: Vec<&str> = files
        .flat_map(|file| [file.code(), file.comments()])
        .collect();
    parts.join("\n")
}

fn is_read_by(entry: &Entry, package: &str) -> bool {
    if let Some((_, call)) = BY_TAP.iter().find(|(name, _)| *name == package) {
        let is_event = entry.stream == Stream::Events;
        return is_event
            && source_of(package)
                .split_whitespace()
                .collect::<String>()
                .contains(call);
    }
    let path = format!("services/{package}/src/consumers.rs");
    if !exists(&path) {
        return false;
    }
    let listed = read(&path);
    specs().iter().any(|(function, specs)| {
        let reads = |subject: &String| {
            specs.iter().any(|spec| {
                let filters = || spec.filters.iter().any(|filter| matches(filter, subject));
                package_of(spec) == package && spec.stream == entry.stream && filters()
            })
        };
        has_word(&listed, function) && subjects(entry).iter().all(reads)
    })
}

#[test]
fn every_listed_consumer_has_a_consumer() {
    let mut found = Vec::new();
    for entry in CATALOGUE {
        for package in entry.consumers {
            let mentions = BY_TAP.iter().any(|(name, _)| name == package)
                || has_word(&source_of(package), short(entry));
            if !is_read_by(entry, package) || !mentions {
                found.push(format!("{} is not read by {package}", entry.name));
            }
        }
    }
    nothing("the catalogue lists consumers that are none", &found);
}

#[test]
fn every_consumer_is_in_the_catalogue() {
    let services = packages("services");
    for (function, specs) in specs() {
        for spec in specs {
            let package = package_of(&spec);
            assert!(services.iter().any(|name| name == package), "{}", spec.name);
            let listed = read(&format!("services/{package}/src/consumers.rs"));
            assert!(
                has_word(&listed, function),
                "{package}/src/consumers.rs lacks {function}"
            );
            let is_listed = CATALOGUE
                .iter()
                .any(|entry| entry.consumers.contains(&package) && entry.stream == spec.stream);
            // Raw updates are no events of ours: they have no row.
            assert!(
                is_listed || spec.stream == Stream::Updates,
                "{} reads nothing",
                spec.name
            );
        }
    }
}

#[test]
fn no_consumer_specification_is_missing_here() {
    let text = read("crates/events/src/consumers.rs");
    let defined: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next())
        .collect();
    let known: BTreeSet<&str> = specs().into_iter().map(|(function, _)| function).collect();
    assert_eq!(defined, known);
}

#[test]
fn every_listed_producer_names_what_it_makes() {
    let mut found = Vec::new();
    for entry in CATALOGUE {
        for package in entry.producers {
            if !has_word(&source_of(package), short(entry)) {
                found.push(format!("{package} does not mention {}", short(entry)));
            }
        }
    }
    nothing("the catalogue lists producers that are none", &found);
}

#[test]
fn whoever_makes_an_event_is_listed() {
    let mut found = Vec::new();
    for package in packages("services") {
        let prefix = format!("services/{package}/src/");
        for file in rust_files()
            .iter()
            .filter(|file| file.path.starts_with(&prefix) && !file.is_test())
        {
            let lines = file
                .product_lines()
                .flat_map(|(_, line)| line.split_whitespace());
            let code: String = lines.collect();
            for entry in CATALOGUE {
                let makes = code.contains(&format!("={}{{meta:", short(entry)));
                if makes && !entry.producers.contains(&package.as_str()) {
                    found.push(format!("{} makes {}", file.path, short(entry)));
                }
            }
        }
    }
    nothing("producers that the catalogue does not list", &found);
}
