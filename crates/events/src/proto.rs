//! Generated protobuf types: `proto::<domain>::v1`, as in the packages.

macro_rules! packages {
    ($($name:ident: $file:literal),+ $(,)?) => {$(
        #[doc = concat!("Package `switchboard.", stringify!($name), "`.")]
        pub mod $name {
            /// Version 1.
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/", $file));
            }
        }
    )+};
}

packages! {
    account: "switchboard.account.v1.rs",
    bus: "switchboard.bus.v1.rs",
    call: "switchboard.call.v1.rs",
    common: "switchboard.common.v1.rs",
    contact: "switchboard.contact.v1.rs",
    conversation: "switchboard.conversation.v1.rs",
    dispatch: "switchboard.dispatch.v1.rs",
    group: "switchboard.group.v1.rs",
    media: "switchboard.media.v1.rs",
    message: "switchboard.message.v1.rs",
    number: "switchboard.number.v1.rs",
    template: "switchboard.template.v1.rs",
    update: "switchboard.update.v1.rs",
}
