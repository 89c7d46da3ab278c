//! The fault switches and the reset.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::error::ControlError;
use super::phones::business;
use crate::state::Simulator;
use crate::state::faults::Faults;
use crate::webhooks::queue::DeliveryRules;

fn show(simulator: &Simulator) -> HttpResponse {
    let book = simulator.read(|state| state.faults.clone());
    HttpResponse::Ok().json(json!({ "global": book.global, "numbers": book.numbers }))
}

/// The switches as they stand; counted ones show what is left.
pub(crate) async fn get(simulator: web::Data<Simulator>) -> HttpResponse {
    show(&simulator)
}

/// Replaces the global switches.
pub(crate) async fn put(
    simulator: web::Data<Simulator>,
    web::Json(faults): web::Json<Faults>,
) -> Result<HttpResponse, ControlError> {
    check(&faults)?;
    set_global(&simulator, faults);
    Ok(show(&simulator))
}

/// Puts the global switches in force, those of delivery included.
pub(crate) fn set_global(simulator: &Simulator, faults: Faults) {
    let rules = DeliveryRules::from_faults(&faults);
    simulator.change(|state, _| state.faults.global = faults);
    simulator.queue().rules = rules;
    // A larger concurrency lets more workers start.
    simulator.work().notify_one();
}

/// Clears all switches, of numbers as well.
pub(crate) async fn delete(simulator: web::Data<Simulator>) -> HttpResponse {
    simulator.change(|state, _| state.faults.numbers.clear());
    set_global(&simulator, Faults::default());
    show(&simulator)
}

/// Replaces the switches of one number.
pub(crate) async fn put_number(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(faults): web::Json<Faults>,
) -> Result<HttpResponse, ControlError> {
    check(&faults)?;
    let number_id = business(&simulator, Some(path.into_inner()))?;
    simulator.change(|state, _| state.faults.numbers.insert(number_id, faults));
    Ok(show(&simulator))
}

/// Clears the switches of one number.
pub(crate) async fn delete_number(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
) -> HttpResponse {
    simulator.change(|state, _| state.faults.numbers.remove(&path.into_inner()));
    show(&simulator)
}

fn check(faults: &Faults) -> Result<(), ControlError> {
    let probabilities = [
        faults.error.as_ref().map(|fault| fault.probability),
        faults.async_error.as_ref().map(|fault| fault.probability),
        faults.lost_answer.as_ref().map(|fault| fault.probability),
        faults.duplicate_webhooks,
    ];
    let is_possible = |probability: &f64| (0.0..=1.0).contains(probability);
    if !probabilities.iter().flatten().all(is_possible) {
        return Err(ControlError::Invalid(
            "a probability must be between 0 and 1".to_owned(),
        ));
    }
    Ok(())
}

/// Forgets chats, logs, faults, scripts and what was configured; the callback of
/// the seeded app stays.
pub(crate) async fn reset(simulator: web::Data<Simulator>) -> HttpResponse {
    simulator.reset();
    HttpResponse::Ok().json(json!({ "success": true }))
}
