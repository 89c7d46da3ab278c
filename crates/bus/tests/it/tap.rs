use futures::StreamExt as _;
use prost::Message as _;
use sb_bus::{Tap, TapError, TapPosition, TapStart};
use sb_events::Stream;
use sb_events::proto::message::v1::MessageReceived;

use crate::support::{Rig, Thread, number};

async fn take(tap: &mut Tap, count: usize) -> (Vec<usize>, TapPosition) {
    let mut numbers = Vec::new();
    let mut last = None;
    while numbers.len() < count {
        let (position, item) = tap.next().await.unwrap();
        numbers.push(number(&MessageReceived::decode(item.payload).unwrap()));
        last = Some(position);
    }
    (numbers, last.unwrap())
}

#[tokio::test]
async fn a_tap_shows_one_organization_only_and_resumes_inside_an_envelope() {
    let rig = Rig::start().await;
    let (ours, theirs) = (Thread::of(1), Thread::of(2));
    let mut live = rig.bus.tap(ours.organization, TapStart::New).await.unwrap();
    let publisher = rig.bus.publisher();
    let topology = rig.topology();
    publisher
        .publish(&theirs.events(topology, 100..105))
        .await
        .unwrap();
    publisher
        .publish(&ours.events(topology, 0..5))
        .await
        .unwrap();
    publisher
        .publish(&theirs.events(topology, 105..110))
        .await
        .unwrap();
    publisher
        .publish(&ours.events(topology, 5..8))
        .await
        .unwrap();

    let (numbers, third) = take(&mut live, 3).await;
    assert_eq!(numbers, [0, 1, 2]);
    let (numbers, last) = take(&mut live, 5).await;
    assert_eq!(numbers, [3, 4, 5, 6, 7]);
    assert!(last > third);

    let after_third = TapStart::After(third);
    let mut resumed = rig.bus.tap(ours.organization, after_third).await.unwrap();
    assert_eq!(take(&mut resumed, 5).await.0, [3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_tap_goes_on_after_the_server_was_killed() {
    let mut rig = Rig::start().await;
    let ours = Thread::of(1);
    let mut live = rig.bus.tap(ours.organization, TapStart::New).await.unwrap();
    let topology = rig.topology().clone();
    let publisher = rig.bus.publisher();
    publisher
        .publish(&ours.events(&topology, 0..3))
        .await
        .unwrap();
    assert_eq!(take(&mut live, 3).await.0, [0, 1, 2]);
    rig.server.kill().await.unwrap();
    rig.server.restart().await.unwrap();
    publisher
        .publish(&ours.events(&topology, 3..6))
        .await
        .unwrap();
    assert_eq!(take(&mut live, 3).await.0, [3, 4, 5]);
}

#[tokio::test]
async fn a_position_that_is_no_longer_kept_is_reported() {
    let rig = Rig::start().await;
    let ours = Thread::of(1);
    let publisher = rig.bus.publisher();
    for n in 0..3 {
        publisher
            .publish(&[ours.event(rig.topology(), n)])
            .await
            .unwrap();
    }
    let name = Stream::Events.name(rig.topology());
    let stream = rig.jetstream().await.get_stream(name).await.unwrap();
    stream.purge().sequence(3).await.unwrap();
    let at = |sequence| TapStart::After(TapPosition { sequence, index: 0 });
    let gone = rig.bus.tap(ours.organization, at(1)).await.unwrap_err();
    assert!(
        matches!(
            gone,
            TapError::Gone {
                asked: 1,
                oldest: 3
            }
        ),
        "{gone}"
    );
    let never = rig.bus.tap(ours.organization, at(9)).await.unwrap_err();
    assert!(matches!(never, TapError::Gone { .. }), "{never}");
    rig.bus.tap(ours.organization, at(3)).await.unwrap();
}
