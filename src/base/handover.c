#include "base/handover.h"

#include "base/alloc.h"
#include "base/parallel.h"

enum { CHUNKS = 4 };

struct pyr_handover {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t given, taken; /* chunks */
    bool ending;
    pyr_handover_take *take;
    void *context;
    size_t filled[CHUNKS];
    _Alignas(64) uint8_t chunks[CHUNKS][PYR_HANDOVER_CHUNK];
};

static void *take_all(void *context)
{
    struct pyr_handover *handover = context;
    pthread_mutex_lock(&handover->lock);
    while (!handover->ending || handover->taken < handover->given) {
        if (handover->taken == handover->given) {
            pthread_cond_wait(&handover->changed, &handover->lock);
            continue;
        }
        size_t chunk = handover->taken % CHUNKS;
        pthread_mutex_unlock(&handover->lock);
        handover->take(handover->context, handover->chunks[chunk], handover->filled[chunk]);
        pthread_mutex_lock(&handover->lock);
        handover->filled[chunk] = 0;
        handover->taken++;
        pthread_cond_signal(&handover->changed);
    }
    pthread_mutex_unlock(&handover->lock);
    return NULL;
}

struct pyr_handover *pyr_handover_start(pyr_handover_take *take, void *context)
{
    struct pyr_handover *handover = pyr_parallel_parts() > 1 ? pyr_alloc(sizeof *handover) : NULL;
    if (!handover)
        return NULL;
    handover->take = take;
    handover->context = context;
    pthread_mutex_init(&handover->lock, NULL);
    pthread_cond_init(&handover->changed, NULL);
    if (!pyr_thread_start(&handover->thread, take_all, handover)) {
        pyr_free(handover);
        return NULL;
    }
    return handover;
}

/* The chunk at hand; then it waits until so many are being taken at most. */
static void give(struct pyr_handover *handover, uint64_t waiting_max)
{
    pthread_mutex_lock(&handover->lock);
    if (handover->filled[handover->given % CHUNKS]) {
        handover->given++;
        pthread_cond_signal(&handover->changed);
    }
    while (handover->given - handover->taken > waiting_max)
        pthread_cond_wait(&handover->changed, &handover->lock);
    pthread_mutex_unlock(&handover->lock);
}

uint8_t *pyr_handover_room(struct pyr_handover *handover, size_t size)
{
    size_t rounded = (size + 7) & ~(size_t)7;
    if (rounded > PYR_HANDOVER_CHUNK - handover->filled[handover->given % CHUNKS])
        give(handover, CHUNKS - 1);
    size_t chunk = handover->given % CHUNKS;
    uint8_t *room = handover->chunks[chunk] + handover->filled[chunk];
    handover->filled[chunk] += rounded;
    return room;
}

void pyr_handover_wait(struct pyr_handover *handover)
{
    give(handover, 0);
}

void pyr_handover_stop(struct pyr_handover *handover)
{
    if (!handover)
        return;
    give(handover, 0);
    pthread_mutex_lock(&handover->lock);
    handover->ending = true;
    pthread_cond_signal(&handover->changed);
    pthread_mutex_unlock(&handover->lock);
    pthread_join(handover->thread, NULL);
    pthread_cond_destroy(&handover->changed);
    pthread_mutex_destroy(&handover->lock);
    pyr_free(handover);
}
