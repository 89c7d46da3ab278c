//! Posts that are run again, from quarantine or from a range of `UPDATES`.
//!
//! Unique keys keep everything from being stored twice. This module keeps the rest from happening twice: what an
//! earlier run stored takes no place in its conversation, renames nobody and is not announced, so that nobody
//! is answered a second time. A crash while a replay is handled is no replay: what this envelope itself stored is
//! announced again, as ever.

use std::collections::HashMap;

use sb_db::DbError;
use sb_db::ingest::{FailedReplay, Ingest, QuarantinedUpdate, ReplayedPlace};
use sb_ids::{OrganizationId, PostId};

use super::Disposition;
use super::plan::{Unit, Written};
use super::store::{Addressee, Stored};

/// The place of a post that cannot be read at all.
const WHOLE_POST: &str = "post";
/// Pieces that stand in no entry, and so say nothing about where they were.
const PIECE_OF_POST: &str = "malformed[";

/// What a replay was asked for.
pub(super) fn places(
    post: PostId,
    sequence: i64,
    asked: &[String],
) -> impl Iterator<Item = ReplayedPlace> {
    let everything = asked.is_empty().then(String::new);
    let places = everything.into_iter().chain(asked.iter().cloned());
    places.map(move |place| ReplayedPlace {
        post,
        place,
        sequence,
    })
}

/// Leaves only those units of a post that are to be run again.
pub(super) fn narrow(units: &mut Vec<Unit>, first_of_post: usize, asked: &[String]) {
    if asked.is_empty() {
        return;
    }
    let of_post = units.split_off(first_of_post);
    units.extend(
        of_post
            .into_iter()
            .filter(|unit| asked.iter().any(|asked| covers(asked, &unit.place))),
    );
}

/// Whether a unit is, holds or lies in what was asked for. A version that reads a post otherwise finds the same update
/// at a finer or a coarser place.
fn covers(asked: &str, place: &str) -> bool {
    asked == place
        || asked == WHOLE_POST
        || place == WHOLE_POST
        || asked.starts_with(PIECE_OF_POST)
        || lies_in(place, asked)
        || lies_in(asked, place)
}

fn lies_in(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// What of these updates had been put aside before.
pub(super) fn failed(quarantined: &[QuarantinedUpdate]) -> Vec<FailedReplay> {
    let replayed = quarantined.iter().filter(|update| update.is_replay);
    replayed
        .map(|update| FailedReplay {
            post: update.post,
            place: update.place.clone(),
            reason: update.reason,
            organization: update.organization,
        })
        .collect()
}

/// Leaves out replayed messages that another envelope stored: it announced them too, except those that stepped aside
/// when it came again. Without replays nothing is asked of the database.
pub(super) async fn leave_out_known<'u>(
    ingest: &mut Ingest<'_>,
    written: Vec<Addressee<'u, Written>>,
    stored: &mut Stored,
) -> Result<Vec<Addressee<'u, Written>>, DbError> {
    let replayed: Vec<(OrganizationId, String)> = written
        .iter()
        .filter(|message| message.unit.source.is_replay && !message.unit.source.is_set_aside)
        .map(key)
        .collect();
    if replayed.is_empty() {
        return Ok(written);
    }
    let known: HashMap<(OrganizationId, String), Option<i64>> = ingest
        .find_by_wamid(&replayed)
        .await?
        .into_iter()
        .map(|known| ((known.organization, known.wamid), known.source_sequence))
        .collect();
    let mut left = Vec::with_capacity(written.len());
    for message in written {
        let source = &message.unit.source;
        let is_old = source.is_replay
            && !source.is_set_aside
            && known
                .get(&key(&message))
                .is_some_and(|stored_by| *stored_by != Some(source.sequence));
        if is_old {
            stored.dispositions.push(Disposition::Duplicate);
        } else {
            left.push(message);
        }
    }
    Ok(left)
}

fn key(message: &Addressee<'_, Written>) -> (OrganizationId, String) {
    (message.route.organization, message.update.wamid.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_replay_covers_what_it_names_what_is_in_it_and_what_it_is_in() {
        let message = "entry[0].changes[1].messages[2]";
        for asked in [message, "entry[0].changes[1]", WHOLE_POST, "malformed[0]"] {
            assert!(covers(asked, message), "{asked}");
        }
        assert!(covers(message, "entry[0].changes[1]"));
        assert!(covers(message, WHOLE_POST));
        for other in [
            "entry[0].changes[1].messages[20]",
            "entry[0].changes[1].messages[1]",
            "entry[0].changes[10]",
            "entry[0].changes[1].statuses[2]",
            "malformed[2]",
        ] {
            assert!(!covers(message, other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn places_of_different_changes_never_cover_each_other(
            one in (0_usize..30, 0_usize..30, 0_usize..30),
            other in (0_usize..30, 0_usize..30, 0_usize..30),
        ) {
            let change = |(entry, change, _)| format!("entry[{entry}].changes[{change}]");
            let message = |at: (usize, usize, usize)| format!("{}.messages[{}]", change(at), at.2);
            let same_change = (one.0, one.1) == (other.0, other.1);
            prop_assert_eq!(covers(&message(one), &message(other)), one == other);
            prop_assert_eq!(covers(&change(one), &message(other)), same_change);
            prop_assert_eq!(covers(&message(one), &change(other)), same_change);
        }
    }
}
