//! `switchboard contacts`: who is who.

use std::fmt::Write as _;

use anyhow::Context;
use sb_client::{Client, Contact, ContactMerge, PageOptions};
use sb_config::Settings;
use sb_ids::ContactId;

use super::{gateway, print};
use crate::cli::people::{ContactsCommand, MergeContactArgs, ShowContactArgs, UnmergeContactArgs};

/// Does what the command line asks for.
pub(super) async fn run(command: &ContactsCommand, settings: &Settings) -> anyhow::Result<()> {
    match command {
        ContactsCommand::Show(args) => show(args, settings).await,
        ContactsCommand::Merge(args) => merge(args, settings).await,
        ContactsCommand::Unmerge(args) => unmerge(args, settings).await,
    }
}

async fn find(client: &Client, who: &str) -> anyhow::Result<Contact> {
    if let Ok(id) = ContactId::parse(who) {
        return Ok(client.contact(id).await?);
    }
    let page = PageOptions {
        limit: Some(1),
        after: None,
    };
    let found = client.list_contacts(Some(who), &page).await?;
    found
        .data
        .into_iter()
        .next()
        .context("nobody is known by this")
}

async fn show(args: &ShowContactArgs, settings: &Settings) -> anyhow::Result<()> {
    let client = gateway::connect(&args.gateway, settings)?;
    let contact = find(&client, &args.who).await?;
    let page = PageOptions::default();
    let merges = client.contact_merges(contact.id, &page).await?;
    print(&to_text(&contact, &merges.data));
    Ok(())
}

async fn merge(args: &MergeContactArgs, settings: &Settings) -> anyhow::Result<()> {
    let client = gateway::connect(&args.gateway, settings)?;
    let merge = client.merge_contact(args.contact, args.other).await?;
    print(&to_line(&merge));
    Ok(())
}

async fn unmerge(args: &UnmergeContactArgs, settings: &Settings) -> anyhow::Result<()> {
    let client = gateway::connect(&args.gateway, settings)?;
    for id in &args.contacts {
        let contact = client.unmerge_contact(*id).await?;
        print(&format!("{} stands for itself", contact.id));
    }
    Ok(())
}

fn to_line(merge: &ContactMerge) -> String {
    let undone = merge.undone_at.map(|at| {
        let by = merge.undone_by.as_deref().unwrap_or("-");
        format!(", undone {} by {by}", at.format("%Y-%m-%d %H:%M:%S"))
    });
    format!(
        "{}  {} is part of {}  ({}, {} by {}{})",
        merge.id,
        merge.merged_contact_id,
        merge.contact_id,
        merge.cause,
        merge.merged_at.format("%Y-%m-%d %H:%M:%S"),
        merge.actor,
        undone.unwrap_or_default(),
    )
}

fn to_text(contact: &Contact, merges: &[ContactMerge]) -> String {
    let mut text = format!("contact {}: {}\n", contact.id, contact.name);
    if let Some(other) = contact.merged_into {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "  part of {other}");
    }
    for identity in &contact.identities {
        let from = identity.valid_from.format("%Y-%m-%d %H:%M:%S");
        let until = identity.valid_until.map_or_else(
            || "now".to_owned(),
            |until| until.format("%Y-%m-%d %H:%M:%S").to_string(),
        );
        let (kind, value) = (&identity.kind, &identity.value);
        let _ = writeln!(text, "  {kind:<12} {value}  {from} to {until}");
    }
    for merge in merges {
        let _ = writeln!(text, "  merge {}", to_line(merge));
    }
    text
}
