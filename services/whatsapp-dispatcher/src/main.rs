//! Sends queued messages through Meta's Graph API.

use std::process::ExitCode;

fn main() -> ExitCode {
    sb_service::main(
        "whatsapp-dispatcher",
        whatsapp_dispatcher::NEEDS,
        async |settings, health, lifecycle| {
            whatsapp_dispatcher::App::build(&settings, &health)
                .await?
                .run(lifecycle)
                .await
        },
    )
}
