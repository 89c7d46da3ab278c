use chrono::DateTime;
use proptest::prelude::*;
use sb_ids::OrganizationId;

use super::*;

const LIMITS: Limits = Limits {
    per_number: 4,
    total: 6,
};
const FAST: u32 = 1_000;

fn key(number: u128, conversation: u128) -> ConversationKey {
    ConversationKey {
        organization: OrganizationId::new(DateTime::from_timestamp(1, 0).unwrap()),
        number: NumberId::from_uuid(uuid::Uuid::from_u128(number)),
        conversation: ConversationId::from_uuid(uuid::Uuid::from_u128(number << 32 | conversation)),
    }
}

fn conversations(keys: &[ConversationKey]) -> Vec<ConversationId> {
    keys.iter().map(|key| key.conversation).collect()
}

#[test]
fn a_conversation_is_at_work_once_and_is_looked_at_again_afterwards() {
    let (mut list, now) = (Worklist::new(FAST, LIMITS), Instant::now());
    list.look(key(1, 1), now);
    list.look(key(1, 1), now);
    assert_eq!(list.take(now, 9).len(), 1);
    list.look(key(1, 1), now);
    assert!(list.take(now, 9).is_empty());
    list.settle(key(1, 1), Next::Done, now);
    assert_eq!(list.take(now, 9).len(), 1);
    list.settle(key(1, 1), Next::Done, now);
    assert!(list.take(now, 9).is_empty());
    assert_eq!(list.len(), 0);
}

#[test]
fn a_retry_comes_back_by_itself() {
    let (mut list, now) = (Worklist::new(FAST, LIMITS), Instant::now());
    let later = now + Duration::from_secs(4);
    list.look(key(1, 1), now);
    list.take(now, 1);
    list.settle(key(1, 1), Next::At(later), now);
    assert_eq!(list.next_wake(), Some(later));
    assert!(list.take(now, 1).is_empty());
    // A command for a message behind it: the claim finds nothing, and the retry is not forgotten.
    list.look(key(1, 1), now);
    assert_eq!(list.take(now, 1).len(), 1);
    list.found_nothing(key(1, 1), now);
    assert_eq!(list.take(later, 1).len(), 1);
}

#[test]
fn numbers_take_turns() {
    let (mut list, now) = (Worklist::new(FAST, LIMITS), Instant::now());
    for conversation in 1..=3 {
        list.look(key(1, conversation), now);
    }
    list.look(key(2, 1), now);
    let taken = list.take(now, 2);
    let numbers: BTreeSet<_> = taken.iter().map(|key| key.number).collect();
    assert_eq!(numbers.len(), 2);
}

#[test]
fn the_pace_is_each_numbers_own() {
    let (mut list, now) = (Worklist::new(10, LIMITS), Instant::now());
    for conversation in 1..=2 {
        list.look(key(1, conversation), now);
        list.look(key(2, conversation), now);
    }
    assert_eq!(list.take(now, 9).len(), 2);
    let next = list.next_wake().unwrap();
    assert_eq!(next, now + Duration::from_millis(100));
    assert_eq!(list.take(next, 9).len(), 2);
}

#[test]
fn pace_that_was_given_back_is_used_at_once() {
    let (mut list, now) = (Worklist::new(1, LIMITS), Instant::now());
    list.look(key(1, 1), now);
    list.look(key(1, 2), now);
    let taken = list.take(now, 9);
    assert_eq!(taken.len(), 1);
    list.found_nothing(taken[0], now);
    assert_eq!(list.take(now, 9).len(), 1);
}

#[test]
fn a_paused_number_waits_alone() {
    let (mut list, now) = (Worklist::new(FAST, LIMITS), Instant::now());
    list.look(key(1, 1), now);
    list.look(key(2, 1), now);
    list.pause(key(1, 1).number, now + Duration::from_secs(1));
    assert_eq!(conversations(&list.take(now, 9)), [key(2, 1).conversation]);
    assert_eq!(list.take(now + Duration::from_secs(1), 9).len(), 1);
}

#[test]
fn what_does_not_fit_is_asked_for_when_there_is_room() {
    let (mut list, now) = (Worklist::new(FAST, LIMITS), Instant::now());
    for conversation in 0..9 {
        list.look(key(1, conversation), now);
    }
    assert_eq!(list.len(), LIMITS.per_number);
    assert!(list.take_refillable().is_empty());
    for taken in list.take(now, 2) {
        list.settle(taken, Next::Done, now);
    }
    assert_eq!(list.take_refillable(), [key(1, 0).number]);
    assert!(list.take_refillable().is_empty());
}

#[test]
fn a_lost_shard_is_forgotten_but_for_what_is_at_work() {
    let (mut list, now) = (Worklist::new(FAST, LIMITS), Instant::now());
    list.look(key(1, 1), now);
    let taken = list.take(now, 1);
    list.look(key(1, 1), now);
    list.look(key(1, 2), now);
    list.forget(Shard::of(key(1, 1).number));
    assert_eq!(list.len(), 1);
    assert!(list.take(now, 9).is_empty());
    list.settle(taken[0], Next::Done, now);
    assert_eq!(list.len(), 0);
    // The number itself still works when the shard comes back.
    list.look(key(1, 3), now);
    assert_eq!(list.take(now, 9).len(), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Look(u128, u128),
    Take(usize),
    Done(usize),
    More(usize),
    Retry(usize, u64),
    Nothing(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u128..3, 0_u128..4).prop_map(|(n, c)| Step::Look(n, c)),
        (1_usize..4).prop_map(Step::Take),
        (0_usize..9).prop_map(Step::Done),
        (0_usize..9).prop_map(Step::More),
        (0_usize..9, 0_u64..3_000).prop_map(|(i, ms)| Step::Retry(i, ms)),
        (0_usize..9).prop_map(Step::Nothing),
        (0_u64..1_500).prop_map(Step::Wait),
    ]
}

fn pick(at_work: &mut Vec<ConversationKey>, index: usize) -> Option<ConversationKey> {
    (!at_work.is_empty()).then(|| at_work.remove(index % at_work.len()))
}

proptest! {
    #[test]
    fn nothing_is_at_work_twice_and_everything_comes_to_an_end(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut list = Worklist::new(20, Limits { per_number: 9, total: 99 });
        let mut now = Instant::now();
        let mut at_work: Vec<ConversationKey> = Vec::new();
        for step in steps {
            match step {
                Step::Look(number, conversation) => list.look(key(number, conversation), now),
                Step::Take(room) => {
                    for taken in list.take(now, room) {
                        let twice = at_work.iter().any(|k| k.conversation == taken.conversation);
                        prop_assert!(!twice);
                        at_work.push(taken);
                    }
                }
                Step::Done(i) => {
                    if let Some(key) = pick(&mut at_work, i) {
                        list.settle(key, Next::Done, now);
                    }
                }
                Step::More(i) => {
                    if let Some(key) = pick(&mut at_work, i) {
                        list.settle(key, Next::More, now);
                    }
                }
                Step::Retry(i, ms) => {
                    if let Some(key) = pick(&mut at_work, i) {
                        list.settle(key, Next::At(now + Duration::from_millis(ms)), now);
                    }
                }
                Step::Nothing(i) => {
                    if let Some(key) = pick(&mut at_work, i) {
                        list.found_nothing(key, now);
                    }
                }
                Step::Wait(ms) => now += Duration::from_millis(ms),
            }
        }
        for _ in 0..1_000 {
            for key in at_work.drain(..) {
                list.settle(key, Next::Done, now);
            }
            at_work = list.take(now, 99);
            now += Duration::from_millis(50);
        }
        prop_assert_eq!(list.len(), 0);
    }
}

#[test]
fn a_recipient_who_has_had_too_much_waits_and_nobody_else_does() {
    let (mut list, now) = (Worklist::new(FAST * 1_000, LIMITS), Instant::now());
    let (busy, other) = (key(1, 1), key(1, 2));
    list.look(busy, now);
    for _ in 0..45 {
        assert_eq!(list.take(now, 1), [busy]);
        list.settle(busy, Next::More, now);
    }
    list.look(other, now);
    assert_eq!(list.take(now, 9), [other]);
    assert!(list.take(now, 9).is_empty());
    let later = now + Duration::from_secs(6);
    assert_eq!(list.next_wake(), Some(later));
    assert_eq!(list.take(later, 9), [busy]);
}
