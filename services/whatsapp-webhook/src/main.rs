//! Accepts Meta's webhooks and turns them into rows and events.

use std::process::ExitCode;

fn main() -> ExitCode {
    sb_service::main(
        "whatsapp-webhook",
        whatsapp_webhook::NEEDS,
        async |settings, health, lifecycle| {
            whatsapp_webhook::App::build(&settings, &health)
                .await?
                .run(lifecycle)
                .await
        },
    )
}
