use std::sync::Arc;
use std::time::Duration;

use sb_bus::{Delivered, EventOptions, HandlerError, Runner};
use sb_events::Stream;
use sb_events::consumers::ConsumerSpec;
use sb_events::proto::message::v1::{MessageQueued, MessageReceived};
use tokio::sync::Semaphore;

use crate::support::{Rig, Running, Seen, Thread, With, mishap, number, remember, wait_until};

fn ordered() -> EventOptions {
    EventOptions {
        ordered: true,
        ..EventOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_keeps_its_order_even_when_an_event_has_to_be_tried_again() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            let (seen, n) = (seen.clone(), number(&delivered.event));
            async move {
                if n % 50 == 7 && delivered.deliveries < 3 {
                    return Err(mishap());
                }
                tokio::task::yield_now().await;
                seen.push(n);
                Ok(())
            }
        }
    });
    let running = Running::start(Runner::events(&rig.bus, rig.spec(), handler, ordered()));
    let events = Thread::of(1).events(rig.topology(), 0..300);
    for chunk in events.chunks(7) {
        rig.bus.publisher().publish(chunk).await.unwrap();
    }
    wait_until("all are handled", async || seen.len() == 300).await;
    assert_eq!(seen.all(), (0..300).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test]
async fn only_the_failed_item_of_an_envelope_is_tried_again() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            let n = number(&delivered.event);
            seen.push(n);
            let fails = n == 3 && delivered.deliveries < 3;
            std::future::ready(if fails { Err(mishap()) } else { Ok(()) })
        }
    });
    let spec = rig.spec();
    let options = EventOptions::default();
    let running = Running::start(Runner::events(&rig.bus, spec.clone(), handler, options));
    let events = Thread::of(1).events(rig.topology(), 0..6);
    rig.bus.publisher().publish(&events).await.unwrap();
    wait_until("the consumer is drained", async || {
        seen.len() >= 8 && rig.is_drained(&spec).await
    })
    .await;
    assert_eq!(seen.all(), [0, 1, 2, 3, 4, 5, 3, 3]);
    running.stop().await;
}

#[tokio::test]
async fn what_fails_too_often_becomes_a_dead_letter_and_the_rest_goes_on() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            let n = number(&delivered.event);
            seen.push(n);
            std::future::ready(if n == 1 { Err(mishap()) } else { Ok(()) })
        }
    });
    let spec = ConsumerSpec {
        max_deliver: 3,
        ..rig.spec()
    };
    let options = EventOptions::default();
    let running = Running::start(Runner::events(&rig.bus, spec.clone(), handler, options));
    let events = Thread::of(1).events(rig.topology(), 0..3);
    rig.bus.publisher().publish(&events).await.unwrap();
    wait_until("it is dead", async || {
        rig.stored(Stream::Dead).await == 1 && rig.is_drained(&spec).await
    })
    .await;
    assert_eq!(seen.counts().get(&1), Some(&3));
    assert_eq!(seen.len(), 5);
    let letters = rig
        .jetstream()
        .await
        .get_stream(Stream::Dead.name(rig.topology()))
        .await;
    let letter = letters.unwrap().get_raw_message(1).await.unwrap();
    let header = |name: &str| letter.headers.get(name).unwrap().to_string();
    assert_eq!(
        letter.subject.as_str(),
        rig.topology().dead(&spec.durable).as_str()
    );
    assert_eq!(header("Switchboard-Consumer"), spec.durable);
    assert_eq!(header("Switchboard-Error"), "handling failed: mishap");
    assert_eq!(header("Switchboard-Deliveries"), "3");
    running.stop().await;
}

#[tokio::test]
async fn a_panic_and_an_endless_handler_harm_only_their_own_event() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            let (seen, n) = (seen.clone(), number(&delivered.event));
            async move {
                match (n, delivered.deliveries) {
                    (1, 1) => panic!("first try"),
                    (2, 1) => std::future::pending().await,
                    _ => seen.push(n),
                }
                Ok(())
            }
        }
    });
    let options = EventOptions {
        item_timeout: Duration::from_millis(200),
        ..EventOptions::default()
    };
    let running = Running::start(Runner::events(&rig.bus, rig.spec(), handler, options));
    let events = Thread::of(1).events(rig.topology(), 0..4);
    rig.bus.publisher().publish(&events).await.unwrap();
    wait_until("all are handled", async || seen.len() == 4).await;
    assert_eq!(seen.all(), [0, 3, 1, 2]);
    running.stop().await;
}

#[tokio::test]
async fn waiting_for_something_that_is_away_does_not_count_as_a_try() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            seen.push(usize::try_from(delivered.deliveries).unwrap());
            let away = seen.len() < 3;
            std::future::ready(if away {
                Err(HandlerError::unavailable(std::io::Error::other("database")))
            } else {
                Ok(())
            })
        }
    });
    let spec = ConsumerSpec {
        max_deliver: 1,
        ..rig.spec()
    };
    let options = EventOptions::default();
    let running = Running::start(Runner::events(&rig.bus, spec.clone(), handler, options));
    let events = Thread::of(1).events(rig.topology(), 0..1);
    rig.bus.publisher().publish(&events).await.unwrap();
    wait_until("it is handled", async || {
        seen.len() == 3 && rig.is_drained(&spec).await
    })
    .await;
    assert_eq!(seen.all(), [1, 1, 1]);
    assert_eq!(rig.stored(Stream::Dead).await, 0);
    running.stop().await;
}

#[tokio::test]
async fn a_handler_slower_than_the_servers_patience_is_not_given_the_event_twice() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            let seen = seen.clone();
            async move {
                seen.push(number(&delivered.event));
                tokio::time::sleep(Duration::from_millis(3_500)).await;
                Ok(())
            }
        }
    });
    let spec = rig.spec();
    let options = EventOptions {
        concurrency: 1,
        ..EventOptions::default()
    };
    let running = Running::start(Runner::events(&rig.bus, spec.clone(), handler, options));
    let publisher = rig.bus.publisher();
    for n in 0..2 {
        publisher
            .publish(&[Thread::of(1).event(rig.topology(), n)])
            .await
            .unwrap();
    }
    wait_until("both are done", async || {
        seen.len() >= 2 && rig.is_drained(&spec).await
    })
    .await;
    assert_eq!(seen.all(), [0, 1]);
    running.stop().await;
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight_and_gives_the_rest_back_at_once() {
    let rig = Rig::start().await;
    let (seen, gate) = (Seen::default(), Arc::new(Semaphore::new(0)));
    let handler = With({
        let (seen, gate) = (seen.clone(), Arc::clone(&gate));
        move |delivered: Delivered<MessageReceived>| {
            let (seen, gate) = (seen.clone(), Arc::clone(&gate));
            async move {
                seen.push(number(&delivered.event));
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    });
    // Long enough that only a message given back can be read again in this test.
    let spec = ConsumerSpec {
        ack_wait: Duration::from_mins(5),
        ..rig.spec()
    };
    let options = EventOptions {
        concurrency: 1,
        ..EventOptions::default()
    };
    let running = Running::start(Runner::events(&rig.bus, spec.clone(), handler, options));
    for n in 0..5 {
        rig.bus
            .publisher()
            .publish(&[Thread::of(1).event(rig.topology(), n)])
            .await
            .unwrap();
    }
    wait_until("one is in flight and the others are held", async || {
        let backlog = rig.bus.pending(&spec).await.unwrap_or_default();
        seen.len() == 1 && backlog.in_flight == 5
    })
    .await;
    let opened = async {
        tokio::task::yield_now().await;
        gate.add_permits(1);
    };
    tokio::join!(running.stop(), opened);
    assert_eq!(seen.all(), [0]);

    let rest = Seen::default();
    let options = EventOptions::default();
    let running = Running::start(Runner::events(
        &rig.bus,
        spec.clone(),
        remember(&rest),
        options,
    ));
    wait_until("the rest is handled", async || rest.len() == 4).await;
    running.stop().await;
    assert_eq!(rest.counts().into_keys().collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(rig.is_drained(&spec).await);
}

#[tokio::test]
async fn a_handler_that_never_ends_is_given_up_at_the_deadline() {
    let rig = Rig::start().await;
    let seen = Seen::default();
    let handler = With({
        let seen = seen.clone();
        move |delivered: Delivered<MessageReceived>| {
            seen.push(number(&delivered.event));
            std::future::pending()
        }
    });
    let spec = ConsumerSpec {
        ack_wait: Duration::from_mins(5),
        ..rig.spec()
    };
    let options = EventOptions {
        drain_deadline: Duration::from_millis(200),
        ..EventOptions::default()
    };
    let running = Running::start(Runner::events(&rig.bus, spec.clone(), handler, options));
    rig.bus
        .publisher()
        .publish(&[Thread::of(1).event(rig.topology(), 0)])
        .await
        .unwrap();
    wait_until("it is in flight", async || seen.len() == 1).await;
    running.stop().await;

    let again = Seen::default();
    let options = EventOptions::default();
    let running = Running::start(Runner::events(&rig.bus, spec, remember(&again), options));
    wait_until("it came again", async || again.len() == 1).await;
    running.stop().await;
}

#[tokio::test]
async fn events_of_other_types_are_passed_over() {
    let rig = Rig::start().await;
    let handler = With(|_: Delivered<MessageQueued>| async { panic!("none was queued") });
    let spec = rig.spec();
    let options = EventOptions::default();
    let running = Running::start(Runner::events::<MessageQueued, _>(
        &rig.bus,
        spec.clone(),
        handler,
        options,
    ));
    let events = Thread::of(1).events(rig.topology(), 0..3);
    rig.bus.publisher().publish(&events).await.unwrap();
    wait_until("all are passed over", async || rig.is_drained(&spec).await).await;
    assert_eq!(rig.stored(Stream::Dead).await, 0);
    running.stop().await;
}
