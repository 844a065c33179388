/* What the program maps. */
#ifndef PYR_AGENT_MAPS_H
#define PYR_AGENT_MAPS_H

/* Around a fork: nobody else is changing anything when the child begins. */
void pyr_maps_before_fork(void);
void pyr_maps_in_parent(void);
void pyr_maps_in_child(void);

#endif
