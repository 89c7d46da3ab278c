//! The walkthroughs of ARCHITECTURE.md, one test of the same name each, through all services; then what must not work:
//! looking into another tenant, and bad input.

mod bad_input;
mod files_arrive;
mod flows;
mod looking;
mod numbers_and_files;
mod people_write;
mod quarantine;
mod starting;
mod tenants_are_apart;
mod tenants_send;
mod the_document;
mod who_is_who;
