//! Posts of every kind, damaged: reading them may refuse, and never panics. `PROPTEST_CASES` makes it a fuzz run.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use sb_domain::Clock;
use sb_events::micros;
use sb_events::proto::update::v1::RawPost;
use sb_ids::PostId;
use serde_json::{Value, json};

use super::{bench, corpus};
use crate::ingest::plan::{self, Update};

/// Every post of the corpus.
static POSTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let cases = corpus::cases().into_iter();
    cases.flat_map(|(_, case)| case.posts).collect()
});

fn read(body: Vec<u8>) -> Result<(), TestCaseError> {
    let now = Clock::system().now();
    let post = RawPost {
        post_id: PostId::new(now).to_string(),
        received_at_us: micros(now),
        app_id: "900000000000001".to_owned(),
        body: body.into(),
        replay: None,
    };
    let plan = plan::read(&[bench::delivered(&post, 1)]);
    for unit in &plan.units {
        if let Update::Rejected { reason, .. } = &unit.update {
            prop_assert_ne!(*reason, "post.panicked");
        }
    }
    Ok(())
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Puts something else in the place of the `left`-th value, counted as they are written; `None` once that is done.
fn replace(value: &mut Value, left: usize, other: &Value) -> Option<usize> {
    let Some(left) = left.checked_sub(1) else {
        *value = other.clone();
        return None;
    };
    match value {
        Value::Object(fields) => replace_in(fields.values_mut(), left, other),
        Value::Array(items) => replace_in(items.iter_mut(), left, other),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(left),
    }
}

fn replace_in<'v>(
    mut values: impl Iterator<Item = &'v mut Value>,
    left: usize,
    other: &Value,
) -> Option<usize> {
    values.try_fold(left, |left, value| replace(value, left, other))
}

fn something() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("9".repeat(400))),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{ "id": 1 }, null, "x"])),
        Just(json!({ "id": [], "type": {}, "timestamp": -1 })),
    ]
}

proptest! {
    #[test]
    fn a_post_with_other_values_in_some_places_is_read_without_a_panic(
        pick in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), something()), 1..4),
    ) {
        let mut post = pick.get(&POSTS).clone();
        for (place, other) in changes {
            let place = place.index(count(&post));
            prop_assert_eq!(replace(&mut post, place, &other), None);
        }
        read(serde_json::to_vec(&post).unwrap())?;
    }

    #[test]
    fn a_post_with_other_bytes_in_some_places_is_read_without_a_panic(
        pick in any::<Index>(),
        edits in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        kept in any::<Index>(),
    ) {
        let mut body = serde_json::to_vec(pick.get(&POSTS)).unwrap();
        for (place, byte) in edits {
            let place = place.index(body.len());
            body[place] = byte;
        }
        body.truncate(kept.index(body.len() * 4));
        read(body)?;
    }
}
