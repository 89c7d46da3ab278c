//! Keeps business numbers in step with Meta.

use std::process::ExitCode;

fn main() -> ExitCode {
    sb_service::main(
        "whatsapp-manager",
        whatsapp_manager::NEEDS,
        async |settings, health, lifecycle| {
            whatsapp_manager::App::build(&settings, &health)
                .await?
                .run(lifecycle)
                .await
        },
    )
}
