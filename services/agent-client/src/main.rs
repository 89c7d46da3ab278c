//! The binary of `agent-client`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sb_service::main(
        "agent-client",
        agent_client::NEEDS,
        async |settings, health, lifecycle| {
            let app = agent_client::App::build(&settings, &health).await?;
            app.run(lifecycle).await
        },
    )
}
