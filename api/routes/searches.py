"""``/v1/searches``: what a search has beside the life of a job: trials, their publication, ask and tell."""

from fastapi import APIRouter, Response, status

from api.dependencies import (
    AfterNumber,
    JobId,
    Limit,
    ReadSession,
    ServiceParts,
    WriteSession,
)
from api.schemas import JobView, LossView, NumberedPage, TrialView
from api.trial_schemas import Asked, HandedOutView, Prolonged, Reported, Told
from search_service.jobs import lifecycle
from search_service.searches import admission, extension, publication
from search_service.searches.extension import ExtensionRequest
from search_service.searches.external import trials as external
from search_service.searches.external.requests import (
    AskRequest,
    HeartbeatRequest,
    ReportRequest,
    TellRequest,
)
from search_service.searches.request import PublicationRequest, SearchRequest
from search_service.store.states import FINAL

router = APIRouter(prefix="/searches", tags=["searches"])


@router.get("/{job_id}/trials", operation_id="list_search_trials")
def list_trials(
    job_id: JobId, session: ReadSession, after: AfterNumber = None, limit: Limit = 100
) -> NumberedPage[TrialView]:
    """The candidates that are scored, by number."""
    lifecycle.get(session, "search", job_id)
    trials = admission.trials(session, job_id, after, limit)
    following = trials[-1].number if len(trials) == limit else None
    return NumberedPage(items=[TrialView.model_validate(trial) for trial in trials], next=following)


@router.post(
    "/{job_id}/publish", status_code=status.HTTP_201_CREATED, operation_id="publish_search_trial"
)
def publish_trial(
    job_id: JobId, request: PublicationRequest, session: WriteSession, response: Response
) -> LossView:
    """Publish a trial of a search that is over; the same trial and name give the same version."""
    loss = publication.publish(session, job_id, request)
    response.headers["Location"] = f"/v1/losses/{loss.name}?version={loss.version}"
    return LossView.model_validate(loss)


@router.post("/{job_id}/extend", operation_id="extend_search")
def extend_search(
    job_id: JobId, request: ExtensionRequest, session: WriteSession, parts: ServiceParts
) -> JobView:
    """Let a search that has succeeded go on with more trials, as if they had been asked for at once."""
    return JobView.model_validate(extension.extend(session, parts.settings, job_id, request))


@router.post("/{job_id}/ask", operation_id="ask_search")
def ask_for_trials(job_id: JobId, request: AskRequest, session: WriteSession) -> Asked:
    """Hand out trials of a search with trainer `external`; each is the worker's until its lease lapses."""
    job, held = external.ask(session, job_id, request)
    search = SearchRequest.model_validate(job.request)
    items = [
        HandedOutView(
            lease=lease.id,
            lapses_at=lease.lapses_at,
            stage=assignment.stage,
            number=assignment.number,
            seed=assignment.seed,
            rate=assignment.rate,
            loss=assignment.loss,
        )
        for assignment, lease in held
    ]
    return Asked(
        state=JobView.model_validate(job).state,
        over=job.state in FINAL,
        items=items,
        metric=search.metric,
        num_classes=search.classes,
        facts=search.facts,
    )


@router.post("/{job_id}/heartbeat", operation_id="prolong_search_lease")
def prolong_lease(job_id: JobId, request: HeartbeatRequest, session: WriteSession) -> Prolonged:
    """Say that a trial is still being trained, so that it is not handed out again."""
    return Prolonged(lapses_at=external.heartbeat(session, job_id, request))


@router.post("/{job_id}/report", operation_id="report_search_trial")
def report_trial(job_id: JobId, request: ReportRequest, session: WriteSession) -> Reported:
    """Tell how a trial does on the way; the answer says whether it is over as one of the worst."""
    return Reported(stop=external.report(session, job_id, request))


@router.post("/{job_id}/tell", operation_id="tell_search_trial")
def tell_trial(job_id: JobId, request: TellRequest, session: WriteSession) -> Told:
    """Tell what became of a trial: its score, or why it failed; the same again is taken once."""
    return Told(ending=external.tell(session, job_id, request))
