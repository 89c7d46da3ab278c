-- A NOTIFY makes its transaction commit under a lock of the whole database, and the disk is waited for under that
-- lock: writers of the outbox committed one after another. The relay of the writing process is woken without the
-- database, and notifies the others only when it is not the active one.
DROP TRIGGER outbox_notify ON outbox;
DROP FUNCTION sb_outbox_notify();
