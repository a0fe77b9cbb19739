-- Every change of a status, as it happened.  In the database of a chaos run only; the service knows nothing of it.
CREATE TABLE audit (
    seq         bigserial PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind        text NOT NULL,
    id          uuid NOT NULL,
    old         text,
    new         text NOT NULL,
    match_id    uuid,
    session_id  uuid,
    user_id     text,
    user1_id    text,
    user2_id    text,
    bucket      text,
    request_seq bigint,
    expires_at  timestamptz,
    deadline    timestamptz
);

CREATE FUNCTION audit_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (kind, id, old, new, match_id, user_id, bucket, request_seq, expires_at)
    VALUES ('request', NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status, NEW.match_id, NEW.user_id,
            NEW.difficulty || ':' || NEW.topic, NEW.seq, NEW.expires_at);
    RETURN NULL;
END $$;

CREATE FUNCTION audit_match() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (kind, id, old, new, match_id, session_id, user1_id, user2_id, bucket, deadline)
    VALUES ('match', NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status, NEW.id, NEW.session_id,
            NEW.user1_id, NEW.user2_id, NEW.difficulty || ':' || NEW.topic, NEW.deadline);
    RETURN NULL;
END $$;

CREATE TRIGGER audit_request_added AFTER INSERT ON match_requests FOR EACH ROW EXECUTE FUNCTION audit_request();
CREATE TRIGGER audit_request_changed AFTER UPDATE ON match_requests FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.match_id IS DISTINCT FROM NEW.match_id)
    EXECUTE FUNCTION audit_request();
CREATE TRIGGER audit_match_added AFTER INSERT ON matches FOR EACH ROW EXECUTE FUNCTION audit_match();
CREATE TRIGGER audit_match_changed AFTER UPDATE ON matches FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.session_id IS DISTINCT FROM NEW.session_id)
    EXECUTE FUNCTION audit_match();
