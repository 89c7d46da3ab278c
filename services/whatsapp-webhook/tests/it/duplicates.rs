//! Meta sends twice, and to every replica: one message is stored.

use crate::posts::APP_SECRET;
use crate::posts::{change, envelope, sign, text};

use crate::world::{CONTACT, NUMBER, World};

#[tokio::test]
async fn a_post_sent_again_stores_one_message() {
    let world = World::new().await;
    let message = text(CONTACT, "wamid.1", "a");
    for _ in 0..3 {
        world.deliver(std::slice::from_ref(&message), &[]).await;
    }
    world
        .deliver(
            &[message.clone(), message, text(CONTACT, "wamid.2", "b")],
            &[],
        )
        .await;
    world.until_rows("messages", 2).await;
    world.settle().await;
    assert_eq!(world.count("messages").await, 2);
}

#[tokio::test]
async fn two_replicas_that_meet_the_same_new_person_make_one_contact() {
    let world = World::new().await;
    let second = world.another_replica().await;
    let posts: Vec<_> = (0..40)
        .map(|n| {
            let from = format!("49151{:07}", n % 4);
            let message = text(&from, &format!("wamid.{n}"), "hello");
            sign(APP_SECRET, &envelope(&[change(NUMBER, &[message], &[])]))
        })
        .collect();
    let sends = posts.iter().enumerate().map(|(n, post)| {
        let url = if n % 2 == 0 { &world.url } else { &second };
        world.post_to(url, post)
    });
    futures::future::join_all(sends).await;
    world.until_rows("messages", 40).await;
    assert_eq!(world.count("contacts").await, 4);
    assert_eq!(world.count("conversations").await, 4);
    let distinct = "(SELECT DISTINCT conversation_id, sequence FROM messages) AS d";
    assert_eq!(world.count(distinct).await, 40);
}
